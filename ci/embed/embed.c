/*
 * embed threads|restarts SCRIPT: PHP inside another program, as web servers and FrankenPHP have it.
 *
 *   threads    the same eight threads' work again and again: threads come, handle requests side by side and go
 *   restarts   PHP, and with it the module, is started and ended in this process again and again
 *
 * Each request runs SCRIPT with its number in $request and must print "ok". After it a line says what
 * became of descriptors and memory between the warmed-up process and the end; the exit code is 0
 * when no request failed, no descriptor is open that was not, and memory stayed level.
 */
#include <sapi/embed/php_embed.h>

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 8, REQUESTS = 20, ROUNDS = 25, STARTS = 100, WARM = 5 };
/* What the heap in use may have grown by: ten bytes a request. */
enum { HEAP = 40 * 1024 };
/* Resident memory comes and goes with what malloc and PHP's own allocator give back: a megabyte either way. */
enum { KILOBYTES = 4 * 1024 };

static const char *script;
static atomic_int requests, answers;

static size_t print(const char *text, size_t length)
{
    if (length == 2 && memcmp(text, "ok", 2) == 0) {
        atomic_fetch_add(&answers, 1);
    } else {
        fwrite(text, 1, length, stderr);
    }
    return length;
}

static void run(void)
{
    char code[4096];
    snprintf(code, sizeof code, "$request = %d; require '%s';", atomic_fetch_add(&requests, 1), script);
    /* A script may end by a fatal error, which jumps here. */
    zend_try {
        zend_eval_string_ex(code, NULL, "embed", true);
    } zend_end_try();
}

static int descriptors(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        perror("/proc/self/fd");
        exit(2);
    }
    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n;
}

static long memory(void)
{
    long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2) {
        perror("statm");
        exit(2);
    }
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static long heap(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* Called after each round. At the last: is all as it was after the first few? */
static bool level(int round, int rounds)
{
    static int open;
    static long used, resident;
    if (round == rounds / WARM) {
        open = descriptors();
        used = heap();
        resident = memory();
    }
    if (round < rounds) {
        return true;
    }
    int more = descriptors() - open;
    long grown = heap() - used, resident_grown = memory() - resident;
    printf("%d of %d requests; descriptors %d, then %+d; heap %ld bytes, then %+ld; resident %ld KB, then %+ld\n",
        atomic_load(&answers), atomic_load(&requests), open, more, used, grown, resident, resident_grown);
    return more <= 0 && grown < HEAP && resident_grown < KILOBYTES && atomic_load(&answers) == atomic_load(&requests);
}

static void start(void)
{
    php_embed_module.ub_write = print;
    if (php_embed_init(0, NULL) == FAILURE) {
        exit(2);
    }
}

static bool restarts(void)
{
    bool good = true;
    for (int i = 1; i <= STARTS; i++) {
        start();
        run();
        php_embed_shutdown();
        good = level(i, STARTS);
    }
    return good;
}

#ifdef ZTS
static void *serve(void *unused)
{
    (void) unused;
    ts_resource(0);
    for (int i = 0; i < REQUESTS; i++) {
        SG(headers_sent) = 1;
        SG(request_info).no_headers = 1;
        if (php_request_startup() == FAILURE) {
            exit(2);
        }
        run();
        php_request_shutdown(NULL);
    }
    ts_free_thread();
    return NULL;
}

static bool threads(void)
{
    bool good = true;
    start();
    for (int round = 1; round <= ROUNDS; round++) {
        pthread_t thread[THREADS];
        for (int i = 0; i < THREADS; i++) {
            if (pthread_create(&thread[i], NULL, serve, NULL) != 0) {
                exit(2);
            }
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(thread[i], NULL);
        }
        good = level(round, ROUNDS);
    }
    php_embed_shutdown();
    return good;
}
#endif

int main(int argc, char **argv)
{
    mallopt(M_ARENA_MAX, 1); /* mallinfo2() tells of one */
    if (argc == 3) {
        script = argv[2];
        if (strcmp(argv[1], "restarts") == 0) {
            return !restarts();
        }
#ifdef ZTS
        if (strcmp(argv[1], "threads") == 0) {
            return !threads();
        }
#endif
    }
    fprintf(stderr, "usage: embed threads|restarts SCRIPT\n");
    return 2;
}

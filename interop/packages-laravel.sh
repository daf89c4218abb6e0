#!/usr/bin/env bash
# packages/laravel: its PHPUnit tests, in which Laravel's own commands work, with our module and with pecl's; in one of them there are many
# jobs, some of which fail or are released with a delay, while workers are stopped by SIGTERM and killed: none is lost.
#
#   PACKAGES_MESSAGES=10000   how many (300)
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=interop/packages-lib.sh
. "$(dirname "$0")/packages-lib.sh"
# shellcheck source=interop/packages/install.sh
. interop/packages/install.sh

# What tests leave when they are ended goes with the script.
export TMPDIR=$scratch

# pages: what they show installs the package, and works.
pages() {
    local page app
    php_script ours
    start_server ours
    for page in docs/laravel.md packages/laravel/README.md; do
        context=''
        install_as "$page" illuminate/{contracts,queue,support}:8.83.26
        export PACKAGES_AUTOLOAD=$vendor/autoload.php
        app=$(QUEUE_CONNECTION=gearman GEARMAN_QUEUE_SERVERS=127.0.0.1:$port "$TEST_PHP" interop/packages/laravel-app.php 2>>"$log")
        sed -n "/^\`\`\`ini/,/^\`\`\`/ { /^\`/d; s/:4730/:$port/; p }" "$page" >"$app/.env"
        ln -sf "$TEST_PHP" "$scratch/bin/php"
        "$TEST_PHP" interop/packages/shown.php commands "$page" queue:work >"$scratch/commands"
        background work "$app"
        context="$page: "
        check_that 'its worker does a job' await is_done "$app"
        check_that 'and ends by SIGTERM' end_worker
    done
    context=''
    unset PACKAGES_AUTOLOAD
    end "$server"
}
work() { cd "$1" && PATH=$scratch/bin:$PATH exec bash -c "exec $(cat "$scratch/commands")"; }
is_done() { grep -qx 'shown done' "$1/storage/journal" 2>/dev/null; }
end_worker() { ends_by TERM "$pid" gone "$pid" && wait "$pid"; }

pages
for module in ours pecl; do
    unit_tests laravel "$module"
    grep -a '^many: ' "$scratch/phpunit" | sed 's/^/     /'
done
finish

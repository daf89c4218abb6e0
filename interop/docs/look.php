<?php

/**
 * look.php PAGE...: what can be said of pages without running anything: outputs that belong to nothing, PHP that does not parse, files that
 * the server refuses, links within the project that lead nowhere, classes, methods, constants and options that do not exist. As run.php
 * otherwise.
 */

require __DIR__ . '/block.php';

function look(string $page): void
{
    $previous = null;
    foreach (blocks($page) as $block) {
        check($block->place, troubles($block, $previous));
        if ($block->reason !== null) {
            echo "     not run: $block->reason\n";
        }
        $previous = $block;
    }
    $dead = deadLinks($page);
    check("$page: links", $dead ? implode(', ', $dead) . ': leads nowhere' : null);
    check("$page: names", ($unknown = unknown(file_get_contents($page))) ? implode(', ', $unknown) . ': no such thing' : null);
}

function troubles(Block $block, ?Block $previous): ?string
{
    return match (true) {
        !in_array($block->language, LANGUAGES, true) => "what is \"$block->language\"?",
        in_array($block->language, OUTPUTS, true) => $block->reason || $previous?->output === $block ? null : 'an output of what? Or "not run: " and why',
        $block->language === 'php' => parses($block),
        $block->language === 'toml' => isTaken($block),
        default => null,
    };
}

function parses(Block $block): ?string
{
    return accepts('php -l', ($block->isPiece() ? "<?php\n" : '') . $block->code);
}

/** A file for the server. */
function isTaken(Block $block): ?string
{
    $option = str_contains($block->code, '[[rule]]') ? '--acl' : '--policy-file';
    return $block->reason ? null : accepts("gearmand --check-args $option", $block->code);
}

function accepts(string $command, string $text): ?string
{
    $file = getenv('DOCS_LOGS') . '/text';
    file_put_contents($file, $text);
    exec("$command $file 2>&1", $said, $status);
    return $status === 0 ? null : implode(' ', $said);
}

/** Links to files that are not there, or to headings that their page does not have. */
function deadLinks(string $page): array
{
    preg_match_all('/\]\(([^)\s]+)\)/', prose($page), $found);
    return array_filter(array_unique($found[1]), function (string $link) use ($page) {
        [$file, $heading] = explode('#', $link, 2) + [1 => ''];
        $target = $file === '' ? $page : dirname($page) . "/$file";
        return !preg_match('/^\w+:/', $link) && (!file_exists($target) || ($heading !== '' && !in_array($heading, headings($target), true)));
    });
}

/** What links to the headings of a page are called. */
function headings(string $page): array
{
    preg_match_all('/^#+ (.+)/m', prose($page), $found);
    return array_map(fn($text) => strtr(preg_replace('/[^\w -]/u', '', strtolower(preg_replace('/\]\(.*?\)/', '', $text))), ' ', '-'), $found[1]);
}

function prose(string $page): string
{
    return preg_replace('/^ *```.*?^ *```$/ms', '', file_get_contents($page));
}

/** Names of PHP in code, and options of our programs, that there are none of. */
function unknown(string $text): array
{
    preg_match_all('/^ *```(?:php|sh)\b.*?\n(.*?)^ *```$|`([^`\n]+)`/ms', $text, $found);
    $code = implode("\n", [...$found[1], ...$found[2]]);
    // Variables of the environment, and a code that has no constant.
    $others = ['GEARMAN_SERVERS', 'GEARMAN_CLIENT_PEM', 'GEARMAN_CLIENT_KEY', 'GEARMAN_TEST_SEED', 'GEARMAN_FUZZ_SEED', 'GEARMAN_INVALID_ARGUMENT',
        'GEARMAN_RUNNER_ID', 'GEARMAN_RUNNER_GROUP'];
    $unknown = [];
    foreach (array_diff(words('/(?<![\w-])GEARMAN_\w*[A-Z]\b/', $code), $others) as $constant) {
        defined($constant) || $unknown[] = $constant;
    }
    foreach (words('/\bgearman_\w+(?=\()/', $code) as $function) {
        function_exists($function) || $unknown[] = $function;
    }
    foreach (words('/(?:\bGearman[A-Z]\w+::|\$(?:client|worker|job|task)->)\w+(?=\()/', $code) as $method) {
        [$class, $name] = preg_split('/::|->/', $method);
        method_exists($class[0] === '$' ? 'Gearman' . ucfirst(substr($class, 1)) : $class, $name) || $unknown[] = $method;
    }
    preg_match_all('/^(?:\S+\/)?(gearmand|gearman|gearadmin) .*/m', $code, $lines, PREG_SET_ORDER);
    foreach ($lines as [$line, $program]) {
        foreach (words('/(?<= )--[a-z][a-z0-9-]+/', preg_replace('/ -- .*| #.*|\|.*/', '', $line)) as $option) {
            preg_match('/(?<![\w-])' . $option . '(?![\w-])/', help($program)) || $unknown[] = "$program $option";
        }
    }
    return $unknown;
}

function words(string $pattern, string $text): array
{
    preg_match_all($pattern, $text, $found);
    return array_unique($found[0]);
}

function help(string $program): string
{
    static $helps = [];
    return $helps[$program] ??= shell_exec("$program --help 2>&1");
}

foreach (array_slice($argv, 1) as $page) {
    look($page);
}

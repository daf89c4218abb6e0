<?php

/** site-links.php FOLDER: whether all links between the pages of a site lead somewhere, also those to a place in a page. */

[, $folder] = $argv;

/** @return list<string> what this attribute has in a page */
function attributes(string $html, string $name): array
{
    preg_match_all("/\\s$name=\"([^\"]*)\"/", $html, $found);
    return array_map(fn($value) => html_entity_decode($value, ENT_QUOTES), $found[1]);
}

$wrong = 0;
$pages = array_map(file_get_contents(...), array_combine($files = glob("$folder/*.html"), $files));
foreach ($pages as $file => $html) {
    foreach (array_unique([...attributes($html, 'href'), ...attributes($html, 'src')]) as $link) {
        [$path, $place] = explode('#', $link, 2) + [1 => ''];
        $target = $path === '' ? $file : "$folder/$path";
        // Links that begin with / are those of the page for what is not found.
        if (preg_match('/^(\w+:|\/)/', $path)) {
            continue;
        }
        if (!file_exists($target) || ($place !== '' && !in_array(urldecode($place), attributes($pages[$target] ?? '', 'id'), true))) {
            fwrite(STDERR, basename($file) . ": $link leads nowhere\n");
            $wrong++;
        }
    }
}
exit($wrong === 0 && count($pages) > 1 ? 0 : 1);

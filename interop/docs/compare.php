<?php

/**
 * Whether a command printed what a page says. In text … stands for anything within a line. In JSON a value "…" stands for any, and a name
 * "…" for any more; blanks and line ends do not count.
 */

/** What differs, or null. */
function compare(string $language, string $wanted, string $got): ?string
{
    if ($language === 'json') {
        return compareJson($wanted, $got);
    }
    [$wanted, $got] = [explode("\n", $wanted), explode("\n", $got)];
    foreach (array_map(null, $wanted, $got) as [$one, $other]) {
        $difference = $one !== null && $other !== null && $one !== '' && $one[0] === '{' ? compareJson($one, $other) : compareLine($one, $other);
        if ($difference !== null) {
            return $difference;
        }
    }
    return null;
}

function compareLine(?string $wanted, ?string $got): ?string
{
    if ($wanted === null || $got === null) {
        return $got === null ? "\"$wanted\" is missing" : "\"$got\" is not in the page";
    }
    $pattern = '/^' . str_replace('…', '.*', preg_quote($wanted, '/')) . '$/';
    return preg_match($pattern, $got) ? null : "wanted \"$wanted\", got \"$got\"";
}

function compareJson(string $wanted, string $got): ?string
{
    $read = json_decode($got, true);
    $difference = is_array($read) ? differs(json_decode($wanted, true, flags: JSON_THROW_ON_ERROR), $read, '') : 'it is no JSON';
    return $difference === null ? null : "$difference; got $got";
}

function differs(mixed $wanted, mixed $got, string $place): ?string
{
    if ($wanted === '…') {
        return null;
    }
    if (!is_array($wanted) || !is_array($got)) {
        $same = is_float($wanted) || is_float($got) ? $wanted == $got : $wanted === $got;
        return $same ? null : "$place: " . json_encode($wanted) . ' is ' . json_encode($got);
    }
    $open = ($wanted['…'] ?? null) === '…';
    unset($wanted['…']);
    if (!$open && ($more = array_diff(array_keys($got), array_keys($wanted)))) {
        return "$place: " . implode(', ', $more) . ' is not in the page';
    }
    foreach ($wanted as $name => $value) {
        if (!array_key_exists($name, $got)) {
            return "$place: $name is missing";
        }
        if ($difference = differs($value, $got[$name], "$place.$name")) {
            return $difference;
        }
    }
    return null;
}

// By itself: compare.php WANTED GOT, both JSON.
if (realpath($argv[0]) === __FILE__ && ($difference = compareJson($argv[1], $argv[2])) !== null) {
    echo $difference, "\n";
    exit(1);
}

<?php

/**
 * httpdocs.php json|text WANTED GOT: whether a command printed what the page says. A value … stands for any, a name … for any more.
 */

[, $language, $wanted, $got] = $argv;

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

function compare(string $wanted, string $got): ?string
{
    if (($wanted[0] ?? '') !== '{') {
        $same = is_float($wanted) || is_float($got) ? $wanted == $got : $wanted === $got;
        return $same ? null : "wanted $wanted, got $got";
    }
    $read = json_decode($got, true);
    $difference = is_array($read) ? differs(json_decode($wanted, true, flags: JSON_THROW_ON_ERROR), $read, '') : 'it is no JSON';
    return $difference === null ? null : "$difference; got $got";
}

$pairs = [[$wanted, $got]];
if ($language === 'text') {
    [$wanted, $got] = [explode("\n", $wanted), explode("\n", $got)];
    $pairs = array_map(fn($one, $other) => [(string) $one, (string) $other], $wanted, $got);
}
foreach ($pairs as [$one, $other]) {
    if (($difference = compare($one, $other)) !== null) {
        echo $difference;
        exit(1);
    }
}

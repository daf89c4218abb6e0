<?php

/** The functions. Each child loads this file as it starts, so SIGHUP brings in a new version. */
return [
    'reverse' => fn(GearmanJob $job): string => strrev($job->workload()),
    'word_count' => fn(GearmanJob $job): int => str_word_count($job->workload()),
    'sum' => function (GearmanJob $job): string { // of a JSON array; reports its progress
        $numbers = json_decode($job->workload(), true, flags: JSON_THROW_ON_ERROR);
        $sum = 0;
        foreach ($numbers as $n => $number) {
            $sum += $number;
            $job->sendStatus($n + 1, count($numbers));
        }
        return json_encode($sum);
    },
];

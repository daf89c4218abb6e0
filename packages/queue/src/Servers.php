<?php

declare(strict_types=1);

namespace GearmanRs\Queue;

/**
 * Which of several servers are used: one that takes connections and does not answer would hold up the jobs of the others, so it is
 * passed over for a while.
 *
 * @internal
 */
final class Servers
{
    /** Seconds until those that were passed over are asked again: twice as many whenever the one that was asked had no answer. */
    public const PAUSE = 10.0;

    private const LONGEST_PAUSE = 60.0;

    /** Seconds in which one has to answer then, as somebody waits for it who has servers that are well. */
    private const PATIENCE = 1.0;

    private Options $used;

    /** @var list<string> Those that are passed over; the next to be asked again is the first. */
    private array $silent = [];

    private float $pause = self::PAUSE;

    private float $until = 0.0;

    private bool $isDoubted = false;

    public function __construct(private readonly Options $all)
    {
        $this->used = $all;
    }

    /** For connections that are made now. */
    public function options(): Options
    {
        if ($this->isDoubted) {
            $this->passOver();
        } elseif ($this->isDue()) {
            $this->askAgain();
        }

        return $this->used;
    }

    /** One may not have answered. Which do is asked before connections are made again: those that wait for it are closed by then. */
    public function doubt(): void
    {
        $this->isDoubted = true;
    }

    /** After a failure: uses those that answer. False if these are the same ones, or none. */
    public function passOver(): bool
    {
        $this->isDoubted = false;
        if (count($this->all->servers) === 1) {
            return false;
        }
        $before = $this->used->servers;
        $silent = array_filter($this->all->servers, fn (string $server) => !AdminText::answers($this->all, $server));
        $this->pause = self::PAUSE;
        $this->leaveOut(array_values($silent));

        return count($silent) < count($this->all->servers) && $this->used->servers !== $before;
    }

    /** Those that were passed over are used again. */
    public function useAll(): void
    {
        $this->leaveOut([]);
    }

    /**
     * May who was made so long ago with so many go without a server that is there by now? pecl's passes over those that were down, too.
     * Those that are passed over are no loss until they are asked again.
     */
    public function mayLack(int $count, float $age): bool
    {
        $all = count($this->all->servers);
        $lacks = $count < count($this->used->servers) || Module::isPecl();

        return $all > 1 && (($lacks && $age > self::PAUSE) || ($count < $all && $this->isDue()));
    }

    private function isDue(): bool
    {
        return $this->silent !== [] && microtime(true) > $this->until;
    }

    /** In turn until one does not answer: however many hang, one of them is waited for. */
    private function askAgain(): void
    {
        $briefly = $this->all->withTimeout(min($this->all->timeout, self::PATIENCE));
        $silent = $this->silent;
        while ($silent !== [] && AdminText::answers($briefly, $silent[0])) {
            array_shift($silent);
        }
        $isSame = count($silent) === count($this->silent);
        $this->pause = $isSame ? min(2 * $this->pause, self::LONGEST_PAUSE) : self::PAUSE;
        $this->leaveOut([...array_slice($silent, 1), ...array_slice($silent, 0, 1)]);
    }

    /** @param list<string> $silent If these are all, none is left out. */
    private function leaveOut(array $silent): void
    {
        $used = array_values(array_diff($this->all->servers, $silent));
        [$this->used, $this->silent] = $used === [] ? [$this->all, []] : [$this->all->withServers($used), $silent];
        $this->until = microtime(true) + $this->pause;
    }
}

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
    /** Seconds until a server is tried again. */
    public const PAUSE = 10.0;

    private Options $used;

    private float $until = 0.0;

    private bool $isDoubted = false;

    public function __construct(private readonly Options $all)
    {
        $this->used = $all;
    }

    /** For connections that are made now. */
    public function options(): Options
    {
        if ($this->isDoubted || ($this->used !== $this->all && microtime(true) > $this->until)) {
            $this->passOver();
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
        $answer = array_filter($this->all->servers, fn (string $server) => AdminText::answers($this->all, $server));
        $isPart = $answer !== [] && count($answer) < count($this->all->servers);
        $this->used = $isPart ? $this->all->withServers(array_values($answer)) : $this->all;
        $this->until = microtime(true) + self::PAUSE;

        return $answer !== [] && $this->used->servers !== $before;
    }

    /** Those that were passed over are used again. */
    public function useAll(): void
    {
        $this->used = $this->all;
        $this->until = 0.0;
    }

    /** May who was made so long ago with so many go without a server that is there by now? pecl's passes over those that were down, too. */
    public function mayLack(int $count, float $age): bool
    {
        $all = count($this->all->servers);

        return $all > 1 && $age > self::PAUSE && ($count < $all || Module::isPecl());
    }
}

<?php

declare(strict_types=1);

namespace GearmanRs\Queue\Tests;

use GearmanRs\Queue\Options;
use GearmanRs\Queue\QueueException;
use PHPUnit\Framework\TestCase;

final class OptionsTest extends TestCase
{
    public function testADsnSaysAll(): void
    {
        $options = Options::fromDsn('gearmans://a,b:4731,[::1]:4732/high%20one,low?ca_file=/ca.pem&wait=0.5&timeout=2&job_timeout=60&fail_rejected=yes');
        self::assertSame(['a', 'b:4731', '[::1]:4732'], $options->servers);
        self::assertSame(['high one', 'low'], $options->queues);
        self::assertTrue($options->tls);
        self::assertSame('/ca.pem', $options->caFile);
        self::assertNull($options->key);
        self::assertSame(0.5, $options->wait);
        self::assertSame(2.0, $options->timeout);
        self::assertSame(60, $options->jobTimeout);
        self::assertTrue($options->failRejected);
    }

    public function testADsnMaySayNothing(): void
    {
        self::assertEquals(new Options(), Options::fromDsn('gearman://'));
        self::assertEquals(new Options(), Options::fromDsn('gearman:///'));
        self::assertEquals(new Options(['h']), Options::fromDsn('gearman://h'));
    }

    public function testWhatTheDsnSaysGoesBeforeOtherOptions(): void
    {
        $options = Options::fromDsn('gearman://a/q?wait=1', ['wait' => 2, 'timeout' => 3, 'queues' => 'other', 'servers' => ['b']]);
        self::assertEquals(new Options(['a'], ['q'], wait: 1.0, timeout: 3.0), $options);
    }

    public function testAnArraySaysTheSame(): void
    {
        $options = Options::fromArray(['servers' => ['a:1', 'b:2'], 'queues' => 'x, y', 'tls' => '1', 'wait' => '0.1']);
        self::assertEquals(new Options(['a:1', 'b:2'], ['x', 'y'], true, wait: 0.1), $options);
    }

    public function testAPartOfASecondIsNotNever(): void
    {
        self::assertSame(1, Options::fromDsn('gearman://h?job_timeout=0.5')->jobTimeout);
    }

    /** @dataProvider mistakes */
    #[\PHPUnit\Framework\Attributes\DataProvider('mistakes')]
    public function testMistakesAreNamed(string $dsn, string $text): void
    {
        $this->expectException(QueueException::class);
        $this->expectExceptionMessage($text);
        Options::fromDsn($dsn);
    }

    /** @return array<string, array{string, string}> */
    public static function mistakes(): array
    {
        return [
            'another scheme' => ['redis://h', 'no DSN of Gearman'],
            'a password' => ['gearman://me:secret@h/q', 'no user and no password'],
            'an unknown option' => ['gearman://h/q?pause=1', "no option 'pause'"],
            'no number' => ['gearman://h/q?wait=long', "'wait'"],
            'neither yes nor no' => ['gearman://h/q?fail_rejected=perhaps', "'fail_rejected'"],
            'more than any clock' => ['gearman://h/q?timeout=1e999', "'timeout'"],
            'no time to answer' => ['gearman://h/q?timeout=0', "'timeout'"],
            'a list for a text' => ['gearman://h/q?ca_file[]=x', "'ca_file'"],
            'a list in a list' => ['gearman:///q?servers[0][]=x', "'servers'"],
            'no port' => ['gearman://h:65536/q', "'h:65536'"],
            'a CA, and all in the clear' => ['gearman://h/q?ca_file=/ca.pem', "'ca_file' for Gearman wants TLS"],
            'no server' => ['gearman://h:port/q', "'h:port'"],
        ];
    }

    public function testAPasswordIsNotShown(): void
    {
        try {
            Options::fromDsn('gearman://me:secret@h/q');
            self::fail();
        } catch (QueueException $e) {
            self::assertStringNotContainsString('secret', $e->getMessage());
        }
    }
}

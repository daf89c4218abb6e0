<?php

declare(strict_types=1);

namespace App\Command;

use App\Message\Note;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;
use Symfony\Component\Messenger\MessageBusInterface;

/** Of 50 notes 39 are done at once, ten fail once or twice, and one always. */
#[AsCommand(name: 'app:dispatch')]
final class DispatchCommand extends Command
{
    public function __construct(private readonly MessageBusInterface $bus)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this->addArgument('count', InputArgument::REQUIRED);
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        for ($id = 1; $id <= (int) $input->getArgument('count'); $id++) {
            $failures = match (true) {
                $id % 50 === 0 => PHP_INT_MAX,
                $id % 10 === 3 => 1,
                $id % 10 === 7 => 2,
                default => 0,
            };
            $this->bus->dispatch(new Note($id, $failures));
        }

        return 0;
    }
}

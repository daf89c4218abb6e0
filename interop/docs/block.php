<?php

/**
 * The blocks of code of a page, and what becomes of each.
 *
 * A block ```sh or ```php is run. ```text and ```json behind it is its output. A block that is not run says why behind its language:
 * ```sh not run: wants root. A server, a worker, and a PHP program with a name (<?php // worker.php) and without an output go on until the
 * end of the page. PHP without <?php is a piece of a program, and only looked at.
 */

const OUTPUTS = ['text', 'json'];
const LANGUAGES = ['sh', 'php', 'toml', 'ini', 'conf', 'yaml', ...OUTPUTS];

final class Block
{
    public ?Block $output = null;

    public function __construct(
        public readonly string $place,
        public readonly string $language,
        public readonly ?string $reason,
        public readonly string $code,
    ) {
    }

    public function runs(): bool
    {
        return $this->reason === null && ($this->language === 'sh' || ($this->language === 'php' && !$this->isPiece()));
    }

    /** Whether what is behind it may be what it prints. */
    public function hasOutput(): bool
    {
        return $this->runs() || ($this->reason !== null && $this->language === 'sh');
    }

    public function isPiece(): bool
    {
        return !str_starts_with($this->code, '<?php');
    }

    /** The file of a program that has a name. */
    public function name(): ?string
    {
        return preg_match('/^<\?php \/\/ (\S+\.php)$/m', $this->code, $found) ? $found[1] : null;
    }

    /** A server, a worker: nobody waits for its end. */
    public function goesOn(): bool
    {
        if ($this->output !== null) {
            return false;
        }
        return $this->language === 'php'
            ? $this->name() !== null
            : preg_match('/^gearmand (?!.*(-d\b|--(daemon|check-args|import)))|^gearman (?!.* &).*-w /', $this->code) === 1;
    }

    public function command(): array
    {
        if ($this->language === 'sh') {
            $database = escapeshellarg((string) getenv('DOCS_DATABASE'));
            return ['bash', '-ec', str_replace('postgresql://gearman@db.example/gearman', $database, $this->code)];
        }
        $file = $this->name() ?? 'page.php';
        file_put_contents($file, $this->code);
        // A program may say how it is run: <?php // php -d gearman.persistent=1
        $options = preg_match('/^<\?php \/\/ php (.+)/', $this->code, $found) ? explode(' ', $found[1]) : [];
        return ['php', ...$options, $file];
    }
}

/** @return list<Block> */
function blocks(string $page): array
{
    $blocks = [];
    $open = null;
    $name = str_replace(dirname(__DIR__, 2) . '/', '', realpath($page));
    foreach (file($page, FILE_IGNORE_NEW_LINES) as $n => $line) {
        if ($open === null) {
            if (preg_match('/^( *)```(\w*)(?: not run: (.+))?(.*)$/', $line, $found, PREG_UNMATCHED_AS_NULL)) {
                [, $indent, $language, $reason, $rest] = $found;
                $open = ["$name:" . $n + 1, $rest === '' ? $language : "$language$rest", $reason];
                $code = '';
            }
        } elseif (trim($line) === '```') {
            $block = new Block(...[...$open, $code]);
            $last = end($blocks);
            if ($last && $last->hasOutput() && $block->reason === null && in_array($block->language, OUTPUTS, true)) {
                $last->output = $block;
            }
            $blocks[] = $block;
            $open = null;
        } else {
            $code .= preg_replace("/^$indent/", '', $line) . "\n";
        }
    }
    return $blocks;
}
function check(string $name, ?string $trouble): void
{
    echo $trouble === null ? "ok   $name\n" : "FAIL $name: " . strtr(trim($trouble), "\n", ' ') . "\n";
}


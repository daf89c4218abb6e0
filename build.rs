//! Lets PHP read stubs/gearman.stub.php and writes what it finds as Rust source: arginfo, function
//! tables, classes and constants. PHP must be the one that ext-php-rs builds against: both look at
//! $PHP first.
use std::{env, error::Error, fs, path::Path, process::Command};

const STUB: &str = "stubs/gearman.stub.php";
const SCRIPT: &str = "build/arginfo.php";

fn main() -> Result<(), Box<dyn Error>> {
    for input in [STUB, SCRIPT] {
        println!("cargo::rerun-if-changed={input}");
    }
    println!("cargo::rerun-if-env-changed=PHP");
    let php = env::var("PHP").unwrap_or_else(|_| "php".into());
    // -n: with php.ini the module itself, or pecl's, might be loaded, and its classes would clash
    // with the stub's. display_errors=stderr: a warning must fail the build, not end up in the source.
    let run = Command::new(&php)
        .args(["-n", "-d", "display_errors=stderr", SCRIPT, STUB])
        .output()
        .map_err(|e| format!("cannot run {php}, which is needed to build the module: {e}"))?;
    if !run.status.success() {
        return Err(format!("{php} {SCRIPT}: {}", String::from_utf8_lossy(&run.stderr)).into());
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("arginfo.rs"), run.stdout)?;
    // Mac OS: PHP's own symbols are found when PHP loads us, so the linker must not ask for them.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("macos") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-undefined,dynamic_lookup");
    }
    Ok(())
}

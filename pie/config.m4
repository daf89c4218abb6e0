dnl The module, built by cargo for the PHP whose phpize was run here: phpize && ./configure && make && make install.
dnl Makefile.frag says how it is built; docs/building.md what can be set.

GEARMAN_ROOT=`cd "$abs_srcdir/.." && pwd`

AC_ARG_VAR([CARGO], [path of cargo, where it is not found])
AC_ARG_VAR([RUSTC], [path of rustc, where it is not found])
dnl rustup puts both there, but a shell that was opened before, or that of root, does not look there.
gearman_rust_path=$PATH$PATH_SEPARATOR${CARGO_HOME:-$HOME/.cargo}/bin
AC_PATH_PROG([CARGO], [cargo], [], [$gearman_rust_path])
AC_PATH_PROG([RUSTC], [rustc], [], [$gearman_rust_path])

gearman_rust=`$SED -n 's/^rust-version = "\(.*\)"/\1/p' "$GEARMAN_ROOT/Cargo.toml"`
gearman_rust_hint="Building the module needs Rust $gearman_rust or newer:
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh
or see https://rustup.rs. Where it is installed but not found, CARGO=/path/cargo RUSTC=/path/rustc name it."

AS_IF([test -z "$CARGO"], [AC_MSG_ERROR([cargo is missing. $gearman_rust_hint])])
AS_IF([test -z "$RUSTC"], [AC_MSG_ERROR([rustc is missing. $gearman_rust_hint])])
AC_MSG_CHECKING([for the version of rustc])
gearman_rustc=`cd "$GEARMAN_ROOT" && "$RUSTC" --version | $SED -n 's/^rustc \([[^ ]]*\).*/\1/p'`
AC_MSG_RESULT([$gearman_rustc])
AS_IF([test -z "$gearman_rustc"], [AC_MSG_ERROR([$RUSTC does not run. $gearman_rust_hint])])
AS_VERSION_COMPARE([$gearman_rustc], [$gearman_rust],
  [AC_MSG_ERROR([rustc is $gearman_rustc, which is too old. $gearman_rust_hint])])

dnl Where bindgen looks, which reads PHP's headers with it. Not libclang-cpp, which is another library.
AC_MSG_CHECKING([for libclang])
gearman_libclang=
for gearman_dir in "$LIBCLANG_PATH" "`${LLVM_CONFIG_PATH:-llvm-config} --libdir 2>/dev/null`" \
  /usr/lib/llvm*/lib /usr/lib/llvm/*/lib* /usr/lib /usr/lib64 /usr/lib64/llvm*/lib /usr/lib/*-linux-* /usr/local/lib \
  /usr/local/llvm*/lib /opt/homebrew/opt/llvm/lib /Library/Developer/CommandLineTools/usr/lib; do
  for gearman_file in "$gearman_dir"/libclang.so* "$gearman_dir"/libclang-[[0-9]]*.so* "$gearman_dir"/libclang.dylib; do
    AS_IF([test -n "$gearman_dir" && test -z "$gearman_libclang" && test -f "$gearman_file"],
      [gearman_libclang=$gearman_file])
  done
done
AS_IF([test -z "$gearman_libclang" && test -f "$LIBCLANG_PATH"], [gearman_libclang=$LIBCLANG_PATH])
AC_MSG_RESULT([${gearman_libclang:-no}])
AS_IF([test -z "$gearman_libclang"], [AC_MSG_ERROR([libclang is missing. PHP's headers are read with it:
    apt-get install libclang-dev     (Debian, Ubuntu)
    dnf install clang-devel          (Fedora, RHEL)
    apk add clang-dev                (Alpine)
    brew install llvm                (Mac OS)
Where it is installed but not found, LIBCLANG_PATH=/path/of/its/folder names it.])])

AC_MSG_CHECKING([for the version of PHP])
gearman_php=`$PHP_CONFIG --version`
AC_MSG_RESULT([$gearman_php])
AS_VERSION_COMPARE([$gearman_php], [8.2],
  [AC_MSG_ERROR([$PHP_CONFIG is of PHP $gearman_php, and the module is for PHP 8.2 or newer: --with-php-config=PATH chooses another])])
AS_IF([test ! -x "$PHP_EXECUTABLE"],
  [AC_MSG_ERROR([PHP's program is missing, which reads the module's signatures ($PHP_CONFIG --php-binary says '$PHP_EXECUTABLE'):
    apt-get install php-cli          (Debian, Ubuntu)])])

dnl The build takes PHP_CONFIG for a path, in another folder than this.
GEARMAN_PHP_CONFIG=`command -v "$PHP_CONFIG"`
AS_CASE([$GEARMAN_PHP_CONFIG], [/*], [], [GEARMAN_PHP_CONFIG=$abs_builddir/$GEARMAN_PHP_CONFIG])

dnl What cargo builds is below .libs, which `make clean` and `phpize --clean` remove; in a folder named after PHP's interface,
dnl threads and debugging, so that what was built for another PHP is not taken for this one's.
GEARMAN_TARGET=$abs_builddir/.libs/`basename "$EXTENSION_DIR"`
GEARMAN_LIBRARY=libgearman_rs.$SHLIB_SUFFIX_NAME
PHP_MODULES='$(phplibdir)/gearman.la'

PHP_SUBST([CARGO])
PHP_SUBST([RUSTC])
PHP_SUBST([GEARMAN_ROOT])
PHP_SUBST([GEARMAN_PHP_CONFIG])
PHP_SUBST([GEARMAN_TARGET])
PHP_SUBST([GEARMAN_LIBRARY])
PHP_ADD_BUILD_DIR([.])
PHP_ADD_MAKEFILE_FRAGMENT([$abs_srcdir/Makefile.frag], [$abs_srcdir], [$abs_builddir])

#!/usr/bin/env bash
# The web page of gearmand in a real browser, with workers and clients: see page/story.mjs. What it looks like is left under
# target/page/.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

PAGE_MODULES=$(scripts/page-modules.sh) || die 'what the test needs of npm is missing: scripts/page-modules.sh'
CHROMIUM=$(command -v "${CHROMIUM:-chromium}") || die 'chromium is missing: scripts/need.sh page'
export PAGE_MODULES CHROMIUM GEARMAND GEARMAN MODULE PHP
export SCRATCH=$scratch
rm -rf target/page
add_up node interop/page/main.mjs "${server_user[@]}"
finish

/* SPDX-License-Identifier: Apache-2.0 */
/* `dassie bench`: what a load of reads and writes comes to, as a user would see it. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli/cli.h"

extern const struct cli_command command_bench;

#endif

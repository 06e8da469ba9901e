/* SPDX-License-Identifier: Apache-2.0 */
/* get, put and delete, for people and scripts. */
#ifndef CLI_OBJECTS_H
#define CLI_OBJECTS_H

#include "cli/cli.h"

extern const struct cli_command command_get;
extern const struct cli_command command_put;
extern const struct cli_command command_delete;

#endif

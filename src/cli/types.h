/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about bucket types. */
#ifndef CLI_TYPES_H
#define CLI_TYPES_H

#include "cli/cli.h"

extern const struct cli_command command_type_create;
extern const struct cli_command command_type_activate;
extern const struct cli_command command_type_update;
extern const struct cli_command command_type_list;
extern const struct cli_command command_type_status;

#endif

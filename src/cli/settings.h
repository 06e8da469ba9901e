/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a node that are changed while it runs. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/cli.h"

extern const struct cli_command command_config_set;
extern const struct cli_command command_transfer_limit;
extern const struct cli_command command_handoff_pause;
extern const struct cli_command command_handoff_resume;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line says about itself, made from the table of commands. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cli.h"

/* The overview of all commands: to standard output when it was asked for, else to standard error
 * with the exit status of a wrong command line. */
int help_overview(bool asked);

int help_version(void);

/* Usage, options and text of one command, to standard output. */
int help_command(const struct cli_command *command);

/* Says that there is no such command or option, and which one may have been meant. */
int help_unknown_command(int argc, char **argv);
void help_unknown_option(const struct cli_command *command, struct bytes name, const char *word);

extern const struct cli_command command_help;
extern const struct cli_command command_version;

#endif

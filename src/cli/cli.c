/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cli/help.h"
#include "cli/table.h"

/* Where the program was called by the path that stands in argv[0]. */
static const char *called = "dassie";

const char *cli_program(void)
{
    return called;
}

static void say(const char *format, va_list values)
{
    fputs("dassie: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
}

void cli_say(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    say(format, values);
    va_end(values);
}

int cli_fail(int status, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    say(format, values);
    va_end(values);
    return status;
}

int cli_misuse(const struct cli_call *call, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    say(format, values);
    va_end(values);
    fprintf(stderr, "Try 'dassie help %s'.\n", call->command->name);
    return CLI_USAGE;
}

void cli_out(struct bytes bytes)
{
    /* Whether it arrived is asked once, by cli_end. */
    if (bytes.len > 0)
        (void)fwrite(bytes.data, 1, bytes.len, stdout);
}

int cli_end(void)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return cli_fail(CLI_FAILED, "cannot write to standard output: %s", strerror(errno));
    return CLI_OK;
}

/* The option of a command by its name, of `len` bytes; NULL when it has none. */
static const struct cli_option *option_named(const struct cli_command *command, const char *name,
                                             size_t len)
{
    for (const struct cli_option *option = command->options; option && option->name; option++)
        if (strlen(option->name) == len && memcmp(option->name, name, len) == 0)
            return option;
    return NULL;
}

static const struct cli_option *option_lettered(const struct cli_command *command, char letter)
{
    for (const struct cli_option *option = command->options; option && option->name; option++)
        if (option->letter == letter)
            return option;
    return NULL;
}

const char *cli_nth(const struct cli_call *call, const char *name, uint32_t number)
{
    const struct cli_option *option = option_named(call->command, name, strlen(name));

    ASSERT(option != NULL);
    for (uint32_t i = 0; i < call->value_count; i++)
        if (call->values[i].option == option && number-- == 0)
            return call->values[i].text;
    return NULL;
}

const char *cli_text(const struct cli_call *call, const char *name, const char *fallback)
{
    const char *text = fallback;
    const char *next = cli_nth(call, name, 0);

    for (uint32_t i = 1; next != NULL; i++) {
        text = next;
        next = cli_nth(call, name, i);
    }
    return text;
}

bool cli_has(const struct cli_call *call, const char *name)
{
    return option_named(call->command, name, strlen(name)) != NULL;
}

bool cli_given(const struct cli_call *call, const char *name)
{
    return cli_nth(call, name, 0) != NULL;
}

bool cli_number(const struct cli_call *call, const char *name, uint64_t fallback, uint64_t min,
                uint64_t max, uint64_t *ret_value)
{
    const char *text = cli_text(call, name, NULL);
    uint64_t value = fallback;

    if (text == NULL) {
        *ret_value = fallback;
        return true;
    }
    if (!bytes_to_u64(bytes_str(text), &value) || value < min || value > max) {
        (void)cli_misuse(call, "--%s takes a number from %llu to %llu, not '%s'", name,
                         (unsigned long long)min, (unsigned long long)max, text);
        return false;
    }
    *ret_value = value;
    return true;
}

bool cli_json(const struct cli_call *call, bool *ret_json)
{
    const char *text = cli_text(call, "output", "table");

    if (strcmp(text, "table") != 0 && strcmp(text, "json") != 0) {
        (void)cli_misuse(call, "--output is 'table' or 'json', not '%s'", text);
        return false;
    }
    *ret_json = strcmp(text, "json") == 0;
    return true;
}

/* One option at argv[at]; returns how many words it took, 0 after a word to the user. */
static int parse_option(struct cli_call *call, int argc, char **argv, int at)
{
    const char *word = argv[at];
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    const char *equals = is_long ? strchr(name, '=') : NULL;
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct cli_option *option =
        is_long ? option_named(call->command, name, len) : option_lettered(call->command, name[0]);
    const char *text = equals ? equals + 1 : !is_long && name[1] ? name + 1 : NULL;
    int taken = 1;

    if (option == NULL) {
        help_unknown_option(call->command, bytes_of(name, len), word);
        return 0;
    }
    if (option->operand == NULL && text != NULL) {
        (void)cli_misuse(call, "--%s is a switch and takes no value", option->name);
        return 0;
    }
    if (option->operand != NULL && text == NULL) {
        if (at + 1 >= argc) {
            (void)cli_misuse(call, "--%s needs a value: %s", option->name, option->operand);
            return 0;
        }
        text = argv[at + 1];
        taken = 2;
    }
    if (call->value_count == CLI_WORDS_MAX) {
        (void)cli_misuse(call, "too many options");
        return 0;
    }
    call->values[call->value_count++] = (struct cli_value){option, text ? text : ""};
    return taken;
}

/* Options and operands behind the command's name: CLI_OK, or the exit status. */
static int parse(struct cli_call *call, int argc, char **argv)
{
    const struct cli_command *command = call->command;
    bool options_end = false;

    for (int at = 0; at < argc;) {
        const char *word = argv[at];
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
            at++;
        } else if (!options_end && word[0] == '-' && word[1] != '\0') {
            int taken = parse_option(call, argc, argv, at);
            if (taken == 0)
                return CLI_USAGE;
            at += taken;
        } else if (call->operand_count < command->operands_max &&
                   call->operand_count < CLI_WORDS_MAX) {
            call->operands[call->operand_count++] = word;
            at++;
        } else {
            return cli_misuse(call, "'%s' is too much for '%s'", word, command->name);
        }
    }
    if (call->operand_count < command->operands_min)
        return cli_misuse(call, "'%s' needs: %s", command->name, command->operands);
    return CLI_OK;
}

/* How many of the words are the name of the command; 0: they are not. */
static int name_words(const char *name, int argc, char **argv)
{
    const char *blank = strchr(name, ' ');

    if (argc < 1)
        return 0;
    if (blank == NULL)
        return strcmp(name, argv[0]) == 0 ? 1 : 0;
    size_t len = (size_t)(blank - name);
    if (argc < 2 || strlen(argv[0]) != len || memcmp(argv[0], name, len) != 0)
        return 0;
    return strcmp(blank + 1, argv[1]) == 0 ? 2 : 0;
}

const struct cli_command *cli_find(int argc, char **argv, int *ret_words)
{
    for (const struct cli_group *group = cli_groups; group->heading; group++)
        for (const struct cli_command *const *at = group->commands; *at; at++) {
            int words = name_words((*at)->name, argc, argv);
            if (words > 0) {
                *ret_words = words;
                return *at;
            }
        }
    return NULL;
}

/* Puts what riak-admin called something into today's words: `words` gets the command line. The
 * longest alias wins, so that "cluster join" is not taken for "cluster". */
static int translate(int argc, char **argv, char *words[CLI_WORDS_MAX], char *name, size_t size)
{
    const struct cli_alias *best = NULL;
    int best_words = 0, count = 0;

    for (const struct cli_alias *alias = cli_aliases; alias->words; alias++) {
        int taken = name_words(alias->words, argc, argv);
        if (taken > best_words) {
            best = alias;
            best_words = taken;
        }
    }
    if (best != NULL) {
        (void)snprintf(name, size, "%s", best->name);
        for (char *rest = name; rest != NULL && count < 2;) {
            words[count++] = rest;
            rest = strchr(rest, ' ');
            if (rest != NULL)
                *rest++ = '\0';
        }
    }
    for (int i = best_words; i < argc && count < CLI_WORDS_MAX; i++)
        words[count++] = argv[i];
    return count;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int dispatch(int argc, char **argv, const struct cli_host *host)
{
    struct cli_call call = {.host = host};
    int words = 0;

    if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
        return help_overview(argc > 0);
    if (strcmp(argv[0], "--version") == 0)
        return help_version();
    call.command = cli_find(argc, argv, &words);
    if (call.command == NULL)
        return help_unknown_command(argc, argv);
    if (wants_help(argc - words, argv + words))
        return help_command(call.command);
    int status = parse(&call, argc - words, argv + words);
    return status == CLI_OK ? call.command->run(&call) : status;
}

int cli_main(int argc, char **argv, const struct cli_host *host)
{
    char *words[CLI_WORDS_MAX];
    char name[64];
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *program = argc < 1 ? "" : slash ? slash + 1 : argv[0];
    int skip = argc > 0 ? 1 : 0;
    bool admin = strcmp(program, "riak-admin") == 0;

    /* A command that runs another one in-process calls it by a plain name. */
    if (slash != NULL)
        called = argv[0];

    if (!admin && argc > 1 && strcmp(argv[1], "admin") == 0) {
        admin = true;
        skip = 2;
    }
    int taken = 0;
    bool known = cli_find(argc - skip, argv + skip, &taken) != NULL;
    if (!admin && (known || argc == skip || argv[skip][0] == '-'))
        return dispatch(argc - skip, argv + skip, host);
    int count = translate(argc - skip, argv + skip, words, name, sizeof(name));
    return dispatch(count, words, host);
}

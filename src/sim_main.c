/* SPDX-License-Identifier: Apache-2.0 */
/* dassie-sim: runs seeds. A failure prints the seed and the end of its trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report.h"
#include "sim/run.h"

struct arguments {
    uint64_t first, last;
    const char *trace;
    bool twice;   /* run each seed twice and compare */
    bool require; /* everything that a range must have seen, it must have seen */
};

static void usage(void)
{
    fprintf(stderr, "usage: dassie-sim --seed N [--trace FILE]\n"
                    "       dassie-sim --seeds FIRST..LAST [--twice] [--require]\n"
                    "\n"
                    "  --seed N       one world; its trace ends in a verdict\n"
                    "  --seeds A..B   all worlds from A to B, one line for each that fails\n"
                    "  --trace FILE   write the whole trace\n"
                    "  --twice        run each seed twice: the traces must be the same\n"
                    "  --require      fail unless all kinds of trouble really happened\n");
}

static bool parse_range(const char *text, struct arguments *arguments)
{
    char *end;

    arguments->first = strtoull(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0)
        return false;
    text = end + 2;
    arguments->last = strtoull(text, &end, 10);
    return end != text && *end == '\0' && arguments->first <= arguments->last;
}

static bool parse_one(const char *text, struct arguments *arguments)
{
    char *end;

    arguments->first = strtoull(text, &end, 10);
    arguments->last = arguments->first;
    return end != text && *end == '\0';
}

static bool parse(int argc, char **argv, struct arguments *arguments)
{
    bool any = false;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--seed") == 0 && ++i < argc)
            any = parse_one(value, arguments);
        else if (strcmp(argv[i], "--seeds") == 0 && ++i < argc)
            any = parse_range(value, arguments);
        else if (strcmp(argv[i], "--trace") == 0 && ++i < argc)
            arguments->trace = value;
        else if (strcmp(argv[i], "--twice") == 0)
            arguments->twice = true;
        else if (strcmp(argv[i], "--require") == 0)
            arguments->require = true;
        else
            return false;
    }
    return any;
}

/* Runs one seed, twice if asked; false when it failed. */
static bool run_one(const struct arguments *arguments, uint64_t seed, FILE *trace,
                    struct report *report)
{
    struct run_result result, again;

    run_seed(seed, trace, stdout, &result);
    report_add(report, &result);
    if (result.failed) {
        printf("seed %llu FAILED: %s\n", (unsigned long long)seed, result.failure);
        return false;
    }
    if (!arguments->twice)
        return true;
    run_seed(seed, NULL, NULL, &again);
    if (again.trace_hash == result.trace_hash)
        return true;
    printf("seed %llu FAILED: two runs, two traces\n", (unsigned long long)seed);
    return false;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct report *report = report_new();
    FILE *trace = NULL;
    uint64_t failed = 0;

    if (!parse(argc, argv, &arguments)) {
        usage();
        report_free(report);
        return 2;
    }
    if (arguments.trace != NULL) {
        trace = fopen(arguments.trace, "w");
        if (trace == NULL) {
            fprintf(stderr, "dassie-sim: cannot write %s\n", arguments.trace);
            report_free(report);
            return 2;
        }
    }
    for (uint64_t seed = arguments.first; seed <= arguments.last; seed++)
        failed += run_one(&arguments, seed, trace, report) ? 0 : 1;
    if (trace != NULL)
        fclose(trace);
    report_print(report, stdout);
    if (arguments.require && !report_complete(report, stdout))
        failed++;
    unsigned long long seeds = arguments.last - arguments.first + 1;
    printf("%llu seeds, %llu failed\n", seeds, (unsigned long long)failed);
    report_free(report);
    return failed == 0 ? 0 : 1;
}

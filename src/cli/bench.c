/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/columns.h"
#include "cli/load.h"
#include "cli/stamp.h"
#include "cli/target.h"
#include "model/limits.h"

enum {
    DURATION_S_MAX = 24 * 3600,
    MIX_MAX = 1000,
    REPORT_BYTES_MAX = 64 * 1024,
};

struct bench {
    struct load_options load;
    uint64_t duration_s, warmup_s;
    bool fill;
    bool json;
    const char *doing; /* for the line of progress */
    struct load_result filled, result;
};

static void tell(void *context, uint64_t done, uint64_t of)
{
    const struct bench *bench = context;

    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s %llu%%  ", bench->doing,
                (unsigned long long)(of ? done * 100 / of : 100));
}

static void tell_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r                              \r", stderr);
}

/* "GET:PUT", two numbers of which one is not zero. */
static bool read_mix(const struct cli_call *call, struct load_options *load)
{
    struct bytes mix = bytes_str(cli_text(call, "mix", "1:1"));
    size_t colon = bytes_find(mix, ':', 0);
    uint64_t gets = 0, puts = 0;

    if (!bytes_to_u64(bytes_sub(mix, 0, colon), &gets) ||
        !bytes_to_u64(bytes_sub(mix, colon + 1, mix.len), &puts) || gets + puts == 0 ||
        gets > MIX_MAX || puts > MIX_MAX) {
        (void)cli_misuse(call, "--mix is GET:PUT, such as 9:1, not '%.*s'", (int)mix.len,
                         (const char *)mix.data);
        return false;
    }
    load->gets = (uint32_t)gets;
    load->puts = (uint32_t)puts;
    return true;
}

static bool read_endpoints(const struct cli_call *call, struct load_options *load)
{
    const char *env = getenv("DASSIE_PB");
    struct endpoint_problem problem;
    const char *text = cli_nth(call, "at", 0);

    if (text == NULL)
        text = env && env[0] ? env : "127.0.0.1:8087";
    while (text != NULL) {
        if (load->endpoint_count == LOAD_ENDPOINTS_MAX) {
            (void)cli_misuse(call, "at most %d endpoints", LOAD_ENDPOINTS_MAX);
            return false;
        }
        if (!endpoint_parse(text, &load->endpoints[load->endpoint_count++], &problem)) {
            (void)cli_misuse(call, "%s", problem.text);
            return false;
        }
        text = cli_nth(call, "at", load->endpoint_count);
    }
    return true;
}

static bool read_options(const struct cli_call *call, struct bench *bench)
{
    struct load_options *load = &bench->load;
    const char *distribution = cli_text(call, "distribution", "uniform");
    uint64_t connections = 0, value_bytes = 0;

    load->r = load->w = load->dw = QUORUM_DEFAULT;
    load->zipf = strcmp(distribution, "zipf") == 0;
    if (!load->zipf && strcmp(distribution, "uniform") != 0) {
        (void)cli_misuse(call, "--distribution is 'uniform' or 'zipf', not '%s'", distribution);
        return false;
    }
    if (!cli_number(call, "connections", 16, 1, LOAD_CONNECTIONS_MAX, &connections) ||
        !cli_number(call, "value-size", 1024, STAMP_BYTES_MIN, OBJECT_BYTES_MAX, &value_bytes) ||
        !cli_number(call, "keys", 10000, 1, DRAW_KEYS_MAX, &load->keys) ||
        !cli_number(call, "duration", 10, 1, DURATION_S_MAX, &bench->duration_s) ||
        !cli_number(call, "warmup", 1, 0, DURATION_S_MAX, &bench->warmup_s) ||
        !cli_number(call, "seed", 1, 0, UINT64_MAX, &load->seed) || !read_mix(call, load) ||
        !read_endpoints(call, load) || !target_quorum(call, "r", &load->r) ||
        !target_quorum(call, "w", &load->w) || !target_quorum(call, "dw", &load->dw) ||
        !cli_json(call, &bench->json))
        return false;
    load->connections = (uint32_t)connections;
    load->value_bytes = (uint32_t)value_bytes;
    load->type = cli_text(call, "type", "default");
    load->bucket = cli_text(call, "bucket", "bench");
    load->verify = cli_given(call, "verify");
    bench->fill = !cli_given(call, "no-fill") && load->gets > 0;
    return true;
}

static uint64_t per_second(uint64_t count, const struct load_result *result)
{
    return result->elapsed_us ? count * 1000000 / result->elapsed_us : 0;
}

static uint64_t mean(const struct latency *latency)
{
    return latency->count ? latency->sum_us / latency->count : 0;
}

static void print_row(struct columns *columns, const char *name, const struct latency *latency,
                      const struct load_result *result)
{
    static const uint32_t permyriad[] = {5000, 9500, 9900, 9990};

    columns_cell(columns, bytes_str(name));
    columns_printf(columns, "%llu", (unsigned long long)latency->count);
    columns_printf(columns, "%llu", (unsigned long long)per_second(latency->count, result));
    columns_printf(columns, "%llu", (unsigned long long)mean(latency));
    for (size_t i = 0; i < ARRAY_LEN(permyriad); i++)
        columns_printf(columns, "%llu",
                       (unsigned long long)latency_part(latency, permyriad[i], 10000));
    columns_printf(columns, "%llu", (unsigned long long)latency->max_us);
}

static void print_table(const struct bench *bench, const struct latency *all)
{
    const struct load_result *result = &bench->result;
    struct columns columns;

    columns_init(&columns, "op >count >op/s >mean_us >p50 >p95 >p99 >p99.9 >max");
    if (result->gets.count > 0)
        print_row(&columns, "get", &result->gets, result);
    if (result->puts.count > 0)
        print_row(&columns, "put", &result->puts, result);
    print_row(&columns, "all", all, result);
    columns_print(&columns);
    columns_done(&columns);
    printf("%llu errors, %llu not found", (unsigned long long)result->errors,
           (unsigned long long)result->not_found);
    if (bench->load.verify)
        printf(", %llu wrong values", (unsigned long long)result->wrong);
    printf("\n");
}

static void json_latency(struct json_out *out, const char *name, const struct latency *latency,
                         const struct load_result *result)
{
    json_name(out, bytes_str(name));
    json_open(out, '{');
    json_put_u64(out, "count", latency->count);
    json_put_u64(out, "per_second", per_second(latency->count, result));
    json_put_u64(out, "mean_us", mean(latency));
    json_put_u64(out, "p50_us", latency_part(latency, 500, 1000));
    json_put_u64(out, "p95_us", latency_part(latency, 950, 1000));
    json_put_u64(out, "p99_us", latency_part(latency, 990, 1000));
    json_put_u64(out, "p999_us", latency_part(latency, 999, 1000));
    json_put_u64(out, "max_us", latency->max_us);
    json_close(out, '}');
}

static void print_json(const struct bench *bench, const struct latency *all)
{
    const struct load_result *result = &bench->result;
    struct buf text;

    buf_init(&text, REPORT_BYTES_MAX);
    struct json_out out = json_out_of(&text);
    json_open(&out, '{');
    json_put_u64(&out, "connections", bench->load.connections);
    json_put_u64(&out, "value_size", bench->load.value_bytes);
    json_put_u64(&out, "keys", bench->load.keys);
    json_put_string(&out, "distribution", bytes_str(bench->load.zipf ? "zipf" : "uniform"));
    json_put_u64(&out, "elapsed_us", result->elapsed_us);
    json_latency(&out, "get", &result->gets, result);
    json_latency(&out, "put", &result->puts, result);
    json_latency(&out, "all", all, result);
    json_put_u64(&out, "errors", result->errors);
    json_put_u64(&out, "not_found", result->not_found);
    json_put_bool(&out, "verified", bench->load.verify);
    json_put_u64(&out, "wrong", result->wrong);
    json_put_string(&out, "first_error", bytes_str(result->problem));
    json_close(&out, '}');
    buf_put_u8(&text, '\n');
    cli_out(buf_bytes(&text));
    buf_done(&text);
}

static int report(const struct bench *bench)
{
    const struct load_result *result = &bench->result;
    struct latency *all = mem_new(sizeof(*all));

    latency_merge(all, &result->gets);
    latency_merge(all, &result->puts);
    if (bench->json)
        print_json(bench, all);
    else
        print_table(bench, all);
    mem_free(all);
    if (cli_end() != CLI_OK)
        return CLI_FAILED;
    if (result->wrong > 0)
        return cli_fail(CLI_FAILED, "values were read that nobody wrote");
    if (result->errors > 0)
        return cli_fail(CLI_FAILED, "the first error was: %s", result->problem);
    return CLI_OK;
}

static int measure(struct bench *bench, struct load *load)
{
    struct load_result *warm = mem_new(sizeof(*warm));

    if (bench->fill) {
        bench->doing = "filling";
        load_fill(load, tell, bench, &bench->filled);
    }
    if (bench->warmup_s > 0) {
        bench->doing = "warming up";
        load_run(load, bench->warmup_s * 1000, tell, bench, warm);
    }
    mem_free(warm);
    tell_end();
    if (bench->filled.errors > 0)
        return cli_fail(CLI_FAILED, "could not write all keys first: %s", bench->filled.problem);
    bench->doing = "measuring";
    load_run(load, bench->duration_s * 1000, tell, bench, &bench->result);
    tell_end();
    return report(bench);
}

static int run_bench(const struct cli_call *call)
{
    struct bench *bench = mem_new(sizeof(*bench));
    int status = CLI_USAGE;

    if (read_options(call, bench)) {
        struct load *load = load_new(&bench->load);
        status = load ? measure(bench, load) : CLI_NO_NODE;
        load_free(load);
    }
    mem_free(bench);
    return status;
}

static const struct cli_option bench_options[] = {
    {"at", 0, "HOST:PORT", "a node's PB listener; may be given several times"},
    {"connections", 'c', "N", "each with one request at a time (16)"},
    {"value-size", 's', "BYTES", "(1024)"},
    {"keys", 'k', "N", "how many keys there are (10000)"},
    {"distribution", 0, "uniform|zipf", "which of them are used how often (uniform)"},
    {"mix", 'm', "GET:PUT", "reads and writes, in parts (1:1)"},
    {"duration", 'd', "SECONDS", "(10)"},
    {"warmup", 0, "SECONDS", "the same before, not counted (1)"},
    {"verify", 0, NULL, "check that each value read is whole and belongs to its key"},
    {"no-fill", 0, NULL, "do not write every key once before"},
    {"type", 't', "NAME", "bucket type (default)"},
    {"bucket", 'b', "NAME", "(bench)"},
    {"r", 0, "QUORUM", "a number, one, quorum or all (the bucket's)"},
    {"w", 0, "QUORUM", "(the bucket's)"},
    {"dw", 0, "QUORUM", "(the bucket's)"},
    {"seed", 0, "N", "of the random choices (1)"},
    CLI_OPTION_OUTPUT,
    CLI_OPTION_END,
};

const struct cli_command command_bench = {
    .name = "bench",
    .operands = "",
    .summary = "Measure reads and writes in a closed loop",
    .text =
        "Prints operations per second, percentiles of their latency in microseconds and how many\n"
        "failed. The exit status is 1 if any did. What it writes stays in the bucket.",
    .options = bench_options,
    .run = run_bench,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/wait.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/admin_client.h"

enum { LOOK_MS = 500, BAR_CELLS = 30, EVENT_BYTES_MAX = 4096 };

/* How it went so far. */
struct course {
    bool json, terminal;
    uint64_t first, left; /* partitions that were, and are, not where they shall be */
    uint64_t looks;       /* since the first */
    bool begun;
};

static void rest(void)
{
    const struct timespec wait = {0, LOOK_MS * 1000000L};

    (void)nanosleep(&wait, NULL);
}

/* Seconds until the end, if it goes on as so far; 0: nobody knows. */
static uint64_t seconds_left(const struct course *c)
{
    uint64_t done = c->first - c->left;

    return done == 0 ? 0 : c->left * c->looks * LOOK_MS / done / 1000;
}

static void draw_bar(const struct course *c)
{
    uint64_t done = c->first - c->left;
    uint64_t cells = c->first == 0 ? BAR_CELLS : done * BAR_CELLS / c->first;
    double rate = c->looks == 0 ? 0 : (double)done * 1000 / (double)(c->looks * LOOK_MS);
    uint64_t seconds = seconds_left(c);

    (void)fputs("\r[", stderr);
    for (uint64_t i = 0; i < BAR_CELLS; i++)
        (void)fputc(i < cells ? '#' : '.', stderr);
    (void)fprintf(stderr, "] %llu of %llu partitions, %.1f/s", (unsigned long long)done,
                  (unsigned long long)c->first, rate);
    if (seconds > 0)
        (void)fprintf(stderr, ", about %llu s left", (unsigned long long)seconds);
    (void)fputs("   ", stderr);
    (void)fflush(stderr);
}

static void tell(const struct course *c, const struct json *transfers)
{
    struct buf buf;

    if (c->terminal)
        draw_bar(c);
    if (!c->json)
        return;
    buf_init(&buf, EVENT_BYTES_MAX);
    struct json_out out = json_out_of(&buf);
    json_open(&out, '{');
    json_put_string(&out, "event", c->left == 0 ? BYTES_LIT("done") : BYTES_LIT("moving"));
    json_put_u64(&out, "moving", c->left);
    json_put_u64(&out, "of", c->first);
    json_put_u64(&out, "eta_s", seconds_left(c));
    json_put_u64(&out, "objects", admin_number(transfers, "objects"));
    json_put_u64(&out, "bytes", admin_number(transfers, "bytes"));
    json_close(&out, '}');
    buf_put_u8(&buf, '\n');
    cli_out(buf_bytes(&buf));
    (void)fflush(stdout);
    buf_done(&buf);
}

/* One look. */
static int look(const struct cli_call *call, struct course *c)
{
    const struct json *answer;
    struct arena arena;
    struct bytes text;

    arena_init(&arena);
    int status = admin_ask(call, "GET", "transfers", BYTES_NONE, &arena, &text, &answer);
    if (status == CLI_OK) {
        const struct json *transfers = json_member(answer, BYTES_LIT("transfers"));
        uint64_t moving = admin_number(transfers, "moving");
        bool changed = !c->begun || moving != c->left;
        /* A plan that was committed meanwhile has more to do. */
        if (!c->begun || moving > c->left) {
            c->first = moving;
            c->looks = 0;
        }
        c->begun = true;
        c->left = moving;
        if (changed || c->terminal)
            tell(c, transfers);
        c->looks++;
    }
    arena_done(&arena);
    return status;
}

int wait_moved(const struct cli_call *call)
{
    struct course c = {.terminal = isatty(STDERR_FILENO) != 0};

    if (!cli_json(call, &c.json))
        return CLI_USAGE;
    c.terminal = c.terminal && !c.json;
    for (;;) {
        int status = look(call, &c);
        if (status != CLI_OK || c.left == 0) {
            if (c.terminal)
                (void)fputc('\n', stderr);
            if (status == CLI_OK && !c.json)
                (void)puts("All replicas are where they shall be.");
            return status == CLI_OK ? cli_end() : status;
        }
        rest();
    }
}

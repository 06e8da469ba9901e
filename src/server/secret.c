/* SPDX-License-Identifier: Apache-2.0 */
#include "server/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

static enum exit_status refuse(struct why *why, enum exit_status status, const char *path,
                               const char *text)
{
    int len = snprintf(why->text, sizeof(why->text), "cluster secret %s: %s", path, text);

    ASSERT(len > 0);
    return status;
}

static enum exit_status check(struct secret *secret, const char *path, ssize_t got,
                              const struct stat *st, struct why *why)
{
    if (got < 0)
        return refuse(why, EXIT_STATUS_IO, path, strerror(errno));
    if ((st->st_mode & (S_IRWXO | S_IWGRP)) != 0)
        return refuse(why, EXIT_STATUS_PERMISSION, path,
                      "others can read or write it (chmod 600 or 640)");
    if ((size_t)got > SECRET_BYTES_MAX)
        return refuse(why, EXIT_STATUS_CONFIG, path, "too long: 4096 bytes are the most");
    secret->len = (size_t)got;
    while (secret->len > 0 && secret->bytes[secret->len - 1] <= ' ')
        secret->len--;
    if (secret->len < SECRET_BYTES_MIN)
        return refuse(why, EXIT_STATUS_CONFIG, path, "too short: 16 bytes are the least");
    return EXIT_STATUS_OK;
}

enum exit_status secret_load(struct secret *secret, const char *path, struct why *ret_why)
{
    uint8_t text[SECRET_BYTES_MAX + 1];
    struct stat st;

    memset(secret, 0, sizeof(*secret));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum exit_status status = errno == EACCES ? EXIT_STATUS_PERMISSION : EXIT_STATUS_CONFIG;
        status = refuse(ret_why, status, path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    ssize_t got = read(fd, text, sizeof(text));
    if (got > 0)
        memcpy(secret->bytes, text,
               (size_t)got < sizeof(secret->bytes) ? (size_t)got : sizeof(secret->bytes));
    enum exit_status status = check(secret, path, got, &st, ret_why);
    OPENSSL_cleanse(text, sizeof(text));
    close(fd);
    return status;
}

struct bytes secret_prove(const struct secret *secret, struct bytes own, struct bytes other,
                          uint8_t ret_proof[PEER_PROOF_BYTES])
{
    uint8_t said[2 * PEER_GREETING_BYTES_MAX];
    unsigned len = 0;

    if (secret->len == 0)
        return BYTES_NONE;
    ASSERT(own.len > 0 && own.len <= PEER_GREETING_BYTES_MAX);
    ASSERT(other.len > 0 && other.len <= PEER_GREETING_BYTES_MAX);
    memcpy(said, own.data, own.len);
    memcpy(said + own.len, other.data, other.len);
    const uint8_t *made = HMAC(EVP_sha256(), secret->bytes, (int)secret->len, said,
                               own.len + other.len, ret_proof, &len);
    ASSERT(made != NULL && len == PEER_PROOF_BYTES);
    return bytes_of(ret_proof, len);
}

bool secret_accepts(const struct secret *secret, struct bytes proof, struct bytes own,
                    struct bytes other)
{
    uint8_t space[PEER_PROOF_BYTES];
    struct bytes wanted = secret_prove(secret, own, other, space);

    if (proof.len != wanted.len)
        return false;
    return wanted.len == 0 || CRYPTO_memcmp(proof.data, wanted.data, wanted.len) == 0;
}

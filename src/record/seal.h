/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of every value at rest: which format it is, and a checksum over all of it. The
 * checksum covers the row key too, so a record that turns up under another key is found out. It is
 * looked at before the version: a damaged version byte is damage, not a newer release.
 *
 *   offset  size  field
 *   0       1     version of the format
 *   1       4     CRC-32C, little-endian, of: XXH3-64 of the row key (little-endian), the version
 *                 byte, the body
 *   5       ..    body */
#ifndef RECORD_SEAL_H
#define RECORD_SEAL_H

#include "base/err.h"
#include "base/reader.h"

enum { SEAL_BYTES = 5 };

/* Writes the seal in front of a finished body; `len` counts both. */
void seal_close(uint8_t *record, size_t len, uint8_t version, struct bytes row_key);

/* Checks the seal and gives a reader of the body. ERR_CORRUPT when the checksum is wrong,
 * ERR_VERSION when it is right and the version another one. */
enum err seal_open(struct bytes record, uint8_t version, struct bytes row_key,
                   struct reader *ret_body) MUST_CHECK;

/* The same for a format of which all versions from 1 to `newest` can be read. */
enum err seal_open_any(struct bytes record, uint8_t newest, struct bytes row_key,
                       uint8_t *ret_version, struct reader *ret_body) MUST_CHECK;

#endif

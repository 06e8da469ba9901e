/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/check.h"

const char *err_name(enum err err)
{
    switch (err) {
#define ERR_CASE(name, text)                                                                       \
    case ERR_##name: return text;
        ERR_LIST(ERR_CASE)
#undef ERR_CASE
    }
    UNREACHABLE();
}

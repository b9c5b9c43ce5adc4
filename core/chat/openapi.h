/*
 * openapi.h: schemas in OpenAPI's words, as Google has them, said in those of JSON Schema.
 *
 *     {"type": "STRING", "nullable": true, "maxLength": "9"}
 *     ──▶  {"type": ["string", "null"], "maxLength": 9}
 *
 * Every other dialect takes JSON Schema. A schema that has nothing of OpenAPI's own is left as it
 * is, so a client that writes JSON Schema where OpenAPI's subset belongs (many do) loses nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/json.h"

/* fh_openapi_schema gives the schema as JSON Schema: types in lower case, `nullable` as a type,
 * counts as numbers, `example` as `examples`; without what orders properties and the format "enum".
 * Only places of schemas are looked at: a property may be called "type", an example may hold one.
 *
 * Returns  NULL when `arena` is full.
 */
yyjson_val *fh_openapi_schema(struct fh_arena *arena, yyjson_val *schema);

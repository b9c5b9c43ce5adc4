/*
 * try_listen.h: whether an address of the config is free.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/config/config.h"

/* fh_try_listen tries to listen where the config says, and gives errno, 0 when it can. */
int fh_try_listen(const struct fh_config_listen *place);

/* test_openai_responses.c: the vectors, every stream of them at every cut, and what no text file can
 * say.
 * SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_TESTS,
    };

    story_dialect = &fh_dialect_openai_responses;
    story_folder = "core/dialect/openai_responses/vectors";
    return cmocka_run_group_tests_name("openai_responses", tests, NULL, NULL);
}

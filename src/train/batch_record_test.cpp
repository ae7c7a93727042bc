#include "train/batch_record.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace polaris {
namespace {

TEST(BatchRecord, ComesBackAsItWas) {
  const std::vector<Row> rows = {{.origin = Origin::kReference,
                                  .prompt_tokens = {1, 2},
                                  .response_tokens = {3},
                                  .advantage = 0.1 + 0.2},
                                 {.prompt_tokens = {5},
                                  .response_tokens = {6, 7},
                                  .advantage = -1,
                                  .old_logprobs = {-0.5F, -1e-7F},
                                  .sampler_logprobs = {-0.1F, -3.25F}}};
  const auto back = parse_batch_record(parse_json(dump_json(batch_record(rows)), "t"), "t");
  ASSERT_EQ(back.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(back[i].origin, rows[i].origin);
    EXPECT_EQ(back[i].prompt_tokens, rows[i].prompt_tokens);
    EXPECT_EQ(back[i].response_tokens, rows[i].response_tokens);
    EXPECT_EQ(back[i].advantage, rows[i].advantage);
    EXPECT_EQ(back[i].old_logprobs, rows[i].old_logprobs);
    EXPECT_EQ(back[i].sampler_logprobs, rows[i].sampler_logprobs);
  }
}

TEST(BatchRecord, NamesWhatIsWrong) {
  const auto message = [](const char* text) -> std::string {
    try {
      parse_batch_record(Json::parse(text), "b.jsonl:3");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message(R"([1])"), "b.jsonl:3: the line does not hold an object with a list \"rows\"");
  EXPECT_EQ(message(R"({"rows": [7]})"), "b.jsonl:3: row 0 is not an object");
  EXPECT_EQ(message(R"({"rows": [{"prompt_tokens": [1], "advantage": 1}]})"),
            "b.jsonl:3: row 0: \"response_tokens\" is missing");
  EXPECT_EQ(
      message(R"({"rows": [{"prompt_tokens": [1, -2], "response_tokens": [], "advantage": 1}]})"),
      "b.jsonl:3: row 0: \"prompt_tokens\"[1] is not a token id, a whole number from 0");
  EXPECT_EQ(message(R"({"rows": [{"prompt_tokens": [1], "response_tokens": [2],
                                  "advantage": "x"}]})"),
            "b.jsonl:3: row 0: \"advantage\" is not a number");
  EXPECT_EQ(message(R"({"rows": [{"prompt_tokens": [1], "response_tokens": [2], "advantage": 1,
                                  "old_logprobs": [null]}]})"),
            "b.jsonl:3: row 0: \"old_logprobs\"[0] is not a number");
  EXPECT_EQ(message(R"({"rows": [{"prompt_tokens": [1], "response_tokens": [2], "advantage": 1,
                                  "origin": "me"}]})"),
            "b.jsonl:3: row 0: \"origin\" is neither \"policy\" nor \"reference\"");
}

}  // namespace
}  // namespace polaris

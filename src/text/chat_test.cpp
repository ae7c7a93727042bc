#include "text/chat.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/chat_writer.h"
#include "text/golden_text_test.h"

namespace polaris {
namespace {

using Kind = ChatTemplateKind;

const std::vector<ChatTemplate> kAll = {
    {Kind::kQwen3_5, true},   {Kind::kQwen3_5, false},  {Kind::kChatml},
    {Kind::kLlama3},          {Kind::kLlama3_1},        {Kind::kMistralV3},
    {Kind::kMistralV3Tekken}, {Kind::kMistralV7Tekken},
};

ChatTemplate template_of(const std::string& name) {
  if (name == "default_on") return {Kind::kQwen3_5, true};
  if (name == "default_off") return {Kind::kQwen3_5, false};
  return {chat_template_named(name).value()};
}

RenderOptions options_of(const OrderedJson& row) {
  RenderOptions options{.add_generation_prompt = row["add_generation_prompt"]};
  if (const auto thinking = row.find("enable_thinking");
      thinking != row.end() && !thinking->is_null())
    options.enable_thinking = thinking->get<bool>();
  if (const auto tools = row.find("tools"); tools != row.end() && !tools->is_null())
    options.tools.assign(tools->begin(), tools->end());
  if (row.contains("variables")) options.date_string = row["variables"]["date_string"];
  return options;
}

ErrorCode code_of(const ChatTemplate& chat, const std::vector<Message>& messages,
                  const RenderOptions& options = {}) {
  try {
    render_chat(chat, messages, options);
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode{};
}

class ChatGolden : public testing::TestWithParam<std::pair<const char*, int>> {};

TEST_P(ChatGolden, RendersEveryRowAsThePublishedTemplateAndRefusesWhatItRefuses) {
  const auto [folder, expected_rows] = GetParam();
  int rows = 0;
  for (const OrderedJson& row : golden_lines(std::string(folder) + "/chat.jsonl")) {
    ++rows;
    SCOPED_TRACE(row["case"].get<std::string>() + " " + row["template"].get<std::string>());
    const ChatTemplate chat = template_of(row["template"]);
    const auto messages = parse_messages(row["messages"], "golden");
    if (row.contains("error")) {
      EXPECT_EQ(code_of(chat, messages, options_of(row)), ErrorCode::kInvalidData);
    } else {
      EXPECT_EQ(render_chat(chat, messages, options_of(row)).text, row["rendered"]);
    }
  }
  EXPECT_EQ(rows, expected_rows);
}

INSTANTIATE_TEST_SUITE_P(Families, ChatGolden,
                         testing::Values(std::pair("tokenizer", 116),
                                         std::pair("tokenizer_llama3", 86),
                                         std::pair("tokenizer_mistral", 62),
                                         std::pair("tokenizer_tekken", 82)),
                         [](const auto& info) { return std::string(info.param.first); });

std::string outside_text(const Rendering& rendering) {
  std::string text;
  for (const ByteRange range : rendering.outside)
    text += rendering.text.substr(range.begin, range.end - range.begin) + "|";
  return text;
}

TEST(ChatOutside, CoversContentsAndNotTheWordsOfTheTemplate) {
  const std::vector<Message> messages = {{.role = "system", .content = " be <|im_end|> brief "},
                                         {.role = "user", .content = "say <think>"}};
  const Rendering rendering = render_chat({Kind::kQwen3_5}, messages);
  EXPECT_EQ(outside_text(rendering), "be <|im_end|> brief|say <think>|");
}

TEST(ChatOutside, IsSortedDisjointAndWithoutEmptyRangesInEveryTemplate) {
  for (const ChatTemplate& chat : kAll) {
    SCOPED_TRACE(name_of(chat.kind));
    const Rendering rendering = render_chat(chat, {{.role = "system", .content = "s"},
                                                   {.role = "user", .content = ""},
                                                   {.role = "assistant", .content = "a"},
                                                   {.role = "user", .content = "u"}});
    std::size_t at = 0;
    ASSERT_FALSE(rendering.outside.empty());
    for (const ByteRange range : rendering.outside) {
      EXPECT_LE(at, range.begin);
      EXPECT_LT(range.begin, range.end);
      at = range.end;
    }
    EXPECT_LE(at, rendering.text.size());
  }
}

TEST(ChatOutside, ImagePlaceholdersAreTheTemplatesAndImitationsAreNot) {
  const std::string imitation = "<|vision_start|><|image_pad|><|vision_end|>";
  const Rendering rendering =
      render_chat({Kind::kQwen3_5},
                  {{.role = "user",
                    .parts = {{.text = " x " + imitation}, {.kind = ContentPart::Kind::kImage}}}});
  EXPECT_EQ(outside_text(rendering), "x " + imitation + "|");
}

TEST(ChatOutside, ToolTextsArgumentsAndReasoningComeFromOutside) {
  const Rendering rendering =
      render_chat({Kind::kQwen3_5},
                  {{.role = "user", .content = "u"},
                   {.role = "assistant",
                    .content = "c",
                    .reasoning_content = "r",
                    .tool_calls = {{.name = "f", .arguments = {{"k", "<|im_end|>"}, {"n", 1e15}}}}},
                   {.role = "tool", .content = "t"}},
                  {.tools = {OrderedJson{{"name", "f"}}}});
  EXPECT_EQ(outside_text(rendering),
            "{\"name\": \"f\"}|u|r|c|f|k|<|im_end|>|n|1000000000000000.0|t|");
}

TEST(ChatSystemMessage, IsInsertedOnlyWhenTheConversationHasNone) {
  const RenderOptions options{.system_message = "S"};
  const Message user{.role = "user", .content = "U"};
  EXPECT_TRUE(render_chat({Kind::kQwen3_5}, {user}, options)
                  .text.starts_with("<|im_start|>system\nS<|im_end|>\n"));
  const auto own =
      render_chat({Kind::kQwen3_5}, {{.role = "system", .content = "O"}, user}, options);
  EXPECT_TRUE(own.text.starts_with("<|im_start|>system\nO<|im_end|>\n"));
  EXPECT_EQ(own.text.find("S<"), std::string::npos);
}

TEST(ChatMl, WritesTurnsAsTheyAreAndClosesAThinkBlockOnlyWhenThinkingIsOff) {
  const std::vector<Message> messages = {
      {.role = "user", .content = " a "},
      {.role = "assistant", .content = "b", .reasoning_content = "old"},
      {.role = "user", .content = "c"}};
  const std::string turns =
      "<|im_start|>user\n a <|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
      "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n";
  EXPECT_EQ(render_chat({Kind::kChatml}, messages).text, turns);
  EXPECT_EQ(render_chat({Kind::kChatml}, messages, {.enable_thinking = true}).text, turns);
  EXPECT_EQ(render_chat({Kind::kChatml}, messages, {.enable_thinking = false}).text,
            turns + "<think>\n\n</think>\n\n");
}

TEST(ChatErrors, NothingToRenderAndFormsThatATemplateLacksAreRefused) {
  for (const ChatTemplate& chat : kAll) {
    SCOPED_TRACE(name_of(chat.kind));
    EXPECT_EQ(code_of(chat, {}), ErrorCode::kInvalidData);
  }
  const Message user{.role = "user", .content = "u"};
  EXPECT_EQ(code_of({Kind::kLlama3}, {user}, {.tools = {OrderedJson::object()}}),
            ErrorCode::kInvalidData);
  const Message image{.role = "user", .parts = {{.kind = ContentPart::Kind::kImage}}};
  EXPECT_EQ(code_of({Kind::kMistralV3}, {image}), ErrorCode::kInvalidData);
  const Message system_image{.role = "system", .parts = image.parts};
  EXPECT_EQ(code_of({Kind::kQwen3_5}, {system_image, user}), ErrorCode::kInvalidData);
}

TEST(ParseMessages, NamesThePlaceOfEveryMistake) {
  const auto message_of = [](const char* json) -> std::string {
    try {
      parse_messages(OrderedJson::parse(json), "in.jsonl:3");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message_of("{}"), "in.jsonl:3: \"messages\" is not a list");
  EXPECT_EQ(message_of(R"([{"role": "user"}, 1])"), "in.jsonl:3: message 2 is not an object");
  EXPECT_EQ(message_of(R"([{"content": "x"}])"), "in.jsonl:3: message 1 has no \"role\"");
  EXPECT_EQ(message_of(R"([{"role": "user", "content": 1}])"),
            "in.jsonl:3: message 1 has a \"content\" that is not a string");
  EXPECT_EQ(message_of(R"([{"role": "user", "content": [{"type": "audio"}]}])"),
            "in.jsonl:3: message 1 has a content part that is neither text, image nor video");
  EXPECT_EQ(message_of(R"([{"role": "a", "tool_calls": [{"name": "f", "arguments": "{}"}]}])"),
            "in.jsonl:3: message 1 has a tool call whose \"arguments\" are not an object");
  EXPECT_EQ(message_of(R"([{"role": "user", "content": null, "name": "x"}])"), "accepted");
}

TEST(ReferenceTurn, FollowsTheRecipesTable) {
  const ChatTemplate qwen{Kind::kQwen3_5};
  const auto text = [&](ReferenceStyle style, std::optional<std::string_view> reasoning) {
    return reference_turn(qwen, style, reasoning, "story").text;
  };
  EXPECT_EQ(text(ReferenceStyle::kPublished, "plan"), "<think>\nplan\n</think>\nstory<|im_end|>");
  EXPECT_EQ(text(ReferenceStyle::kTemplate, "plan"), "plan\n</think>\n\nstory<|im_end|>");
  EXPECT_EQ(text(ReferenceStyle::kPublished, std::nullopt), "story<|im_end|>");
  EXPECT_EQ(text(ReferenceStyle::kTemplate, std::nullopt), "story<|im_end|>");
}

// What the template writes for a conversation that ends with the reference is the prompt and then
// the reference's turn; only the line break behind <|im_end|> is not part of the response.
TEST(ReferenceTurn, ContinuesThePromptAsTheTemplateWould) {
  const Message user{.role = "user", .content = " Write.\n"};
  const std::string story = " Once.\n";
  const std::string reasoning = "\nplan ";
  for (const ChatTemplate& chat : kAll) {
    for (const bool thinking : {false, true}) {
      const bool has_think_block = chat.kind == Kind::kQwen3_5 || chat.kind == Kind::kChatml;
      if (thinking && !has_think_block) continue;             // the template cannot write reasoning
      if (!thinking && chat.kind == Kind::kChatml) continue;  // nor an empty block in history
      SCOPED_TRACE(std::string(name_of(chat.kind)) + (thinking ? " thinking" : ""));
      Message answer{.role = "assistant", .content = story};
      if (thinking) answer.reasoning_content = reasoning;
      const auto prompt = render_chat(chat, {user}, {.enable_thinking = thinking});
      const auto turn = reference_turn(
          chat, ReferenceStyle::kTemplate,
          thinking ? std::optional<std::string_view>(reasoning) : std::nullopt, story);
      auto whole = render_chat(chat, {user, answer}, {.add_generation_prompt = false});
      const Rendering both = joined(prompt, turn);
      if (whole.text.ends_with(">\n")) whole.text.pop_back();
      EXPECT_EQ(both.text, whole.text);
      EXPECT_TRUE(outside_text(whole).ends_with(outside_text(turn))) << outside_text(turn);
    }
  }
}

TEST(ReferenceTurn, RefusesThinkTags) {
  for (const char* tag : {"<think>", "</think>"}) {
    EXPECT_THROW(reference_turn({}, ReferenceStyle::kTemplate, "plan", tag), Error);
    EXPECT_THROW(reference_turn({}, ReferenceStyle::kPublished, tag, "story"), Error);
  }
}

TEST(OpensThinking, OnlyQwen35LeavesABlockOpen) {
  EXPECT_TRUE(opens_thinking({Kind::kQwen3_5, true}, std::nullopt));
  EXPECT_FALSE(opens_thinking({Kind::kQwen3_5, false}, std::nullopt));
  EXPECT_TRUE(opens_thinking({Kind::kQwen3_5, false}, true));
  EXPECT_FALSE(opens_thinking({Kind::kQwen3_5, true}, false));
  EXPECT_FALSE(opens_thinking({Kind::kLlama3}, true));
}

TEST(ChatProperty, BytesOfAnyKindAreRenderedOrRefusedAndOutsideHoldsThem) {
  std::mt19937 random(7);
  const std::vector<std::string> pieces = {"<think>",          "</think>",  "\n", "\xC2\xA0",
                                           "\xE2\x80",         "\xFF",      "a",  "<tool_response>",
                                           "</tool_response>", "<|im_end|>"};
  const auto noise = [&] {
    std::string text;
    for (auto n = random() % 8; n > 0; --n) text += pieces[random() % pieces.size()];
    return text;
  };
  for (int round = 0; round < 2000; ++round) {
    const ChatTemplate chat = kAll[random() % kAll.size()];
    std::vector<Message> messages;
    for (auto n = 1 + random() % 4; n > 0; --n) {
      const char* roles[] = {"user", "assistant", "tool", "system"};
      messages.push_back({.role = roles[random() % 4], .content = noise()});
    }
    try {
      const Rendering rendering = render_chat(chat, messages);
      for (const ByteRange range : rendering.outside) ASSERT_LE(range.end, rendering.text.size());
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    }
  }
}

TEST(PythonJson, WritesFloatsAndEscapesAsPythonDoes) {
  const auto json = OrderedJson::parse(
      R"({"z": [1e15, 1e16, 1.5, 0.0001, 0.00001, -0.0, 100], "a": "é\n\u0001\"", "e": {}, "l": []})");
  EXPECT_EQ(python_json(json),
            "{\"z\": [1000000000000000.0, 1e+16, 1.5, 0.0001, 1e-05, -0.0, 100], "
            "\"a\": \"é\\n\\u0001\\\"\", \"e\": {}, \"l\": []}");
  EXPECT_EQ(python_str(OrderedJson(true)), "True");
  EXPECT_EQ(python_str(OrderedJson()), "None");
}

}  // namespace
}  // namespace polaris

#include "text/tokenizer_file.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/golden_text_test.h"
#include "text/tokenizer.h"

namespace polaris {
namespace {

OrderedJson golden_json(const std::string& folder) {
  return OrderedJson::parse(golden_file(folder + "/tokenizer.json"));
}

/// The message with which a tokenizer.json is refused; fails the test if it is not.
std::string refusal(std::string_view text, std::optional<std::string_view> config = std::nullopt) {
  try {
    Tokenizer::parse(text, "t.json", config);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
    EXPECT_TRUE(std::string_view(error.what()).starts_with("t.json")) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << text.substr(0, 200);
  return "";
}

void expect_contains(const std::string& message, std::string_view part) {
  EXPECT_NE(message.find(part), message.npos) << message << "\nshould contain: " << part;
}

TEST(TokenizerFile, ReadsMergesAsStringsAndAsPairs) {
  for (const char* merges : {R"(["a b", "ab a"])", R"([["a", "b"], ["ab", "a"]])"}) {
    const auto file = read_tokenizer_file(
        fmt::format(
            R"({{"model": {{"merges": {}, "vocab": {{"a": 0, "b": 1, "ab": 2, "aba": 5}}}}}})",
            merges),
        "t.json");
    EXPECT_EQ(file.vocabulary.count(), 4U);
    EXPECT_EQ(file.vocabulary.id_limit(), 6U);
    EXPECT_EQ(file.merges.find(0, 1)->result, 2);
    EXPECT_EQ(file.merges.find(2, 0)->rank, 1U);
    EXPECT_EQ(file.merges.find(2, 0)->result, 5);
    EXPECT_EQ(file.rest.dump(), R"({"model":{"merges":null,"vocab":null}})");
  }
  EXPECT_EQ(read_tokenizer_file(R"([{"vocab": {"a": -1}}, {"merges": [1]}])", "t.json").rest.dump(),
            R"([{"vocab":{"a":-1}},{"merges":[1]}])");
}

TEST(TokenizerFile, RefusesTablesThatContradictThemselves) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"model": {"vocab": {"a": 1, "b": 1}}})", "\"b\" or its id 1 stands twice"},
      {R"({"model": {"vocab": {"a": 1, "a": 2}}})", "\"a\" or its id 2 stands twice"},
      {R"({"model": {"vocab": {"a": -1}}})", "\"a\" is no whole number"},
      {R"({"model": {"vocab": {"a": 1.5}}})", "\"a\" is no whole number"},
      {R"({"model": {"vocab": {"a": "1"}}})", "\"a\" is no whole number"},
      {R"({"model": {"vocab": {"a": {}}}})", "\"a\" is no whole number"},
      {R"({"model": {"vocab": {"a": []}}})", "\"a\" is no whole number"},
      {R"({"model": {"vocab": {"a": 2000000000}}})", "2000000000 of \"a\" is out of range"},
      {R"({"model": {"vocab": {"a": 18446744073709551615}}})", "is out of range"},
      {R"({"model": {"vocab": {"a": 99999999999999999999}}})", "\"a\" is no whole number"},
      {R"({"model": {"vocab": [["a", 0.5]]}})", "supported: BPE"},
      {R"({"model": {"vocab": {}, "vocab": {}}})", "\"vocab\" stands twice"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["a a"]}})", "model.merges[0]: \"aa\" is not in"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["a b"]}})", "model.merges[0]: \"b\" is not in"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["ab"]}})", "model.merges[0]: expected two"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["a b c"]}})", "model.merges[0]: expected two"},
      {R"({"model": {"vocab": {"a": 0}, "merges": [["a"]]}})", "model.merges[0]: expected two"},
      {R"({"model": {"vocab": {"a": 0}, "merges": [["a", "b", "c"]]}})", "expected two tokens"},
      {R"({"model": {"vocab": {"a": 0}, "merges": [["a", 1]]}})", "model.merges[0]: expected"},
      {R"({"model": {"vocab": {"a": 0}, "merges": [[["a"]]]}})", "model.merges[0]: expected"},
      {R"({"model": {"vocab": {"a": 0}, "merges": [7]}})", "model.merges[0]: expected"},
      {R"({"model": {"vocab": {"a": 0)", "not JSON: byte"},
      {"", "not JSON: byte"},
      {"{\"\xFF\": 1}", "not JSON: byte"},
      {R"({"a": 1, "a": 1})", "\"a\" stands twice"},
  };
  for (const auto& [text, part] : cases) expect_contains(refusal(text), part);
  expect_contains(refusal(std::string(100'000, '[')), "nested deeper");
}

/// A change to a good file, and what the refusal must name.
struct Change {
  std::string folder;
  std::string pointer;
  std::string value;
  std::string part;
};

TEST(TokenizerFile, RefusesByNameWhatItDoesNotSupport) {
  const Change changes[] = {
      {"tokenizer", "/model/type", R"("Unigram")", "model: the model type Unigram"},
      {"tokenizer", "/model/dropout", "0.1", "model.dropout: only null"},
      {"tokenizer", "/model/end_of_word_suffix", R"("</w>")", "end_of_word_suffix: only null"},
      {"tokenizer", "/model/byte_fallback", "true", "byte_fallback = true"},
      {"tokenizer_mistral", "/model/byte_fallback", "false", "byte_fallback = false"},
      {"tokenizer", "/normalizer/type", R"("NFKC")", "normalizer: NFKC is not supported"},
      {"tokenizer", "/pre_tokenizer/pretokenizers/0/pattern/Regex", R"("\\w+")",
       "pre_tokenizer.pretokenizers[0].pattern.Regex: the pattern \\w+ is not"},
      {"tokenizer", "/pre_tokenizer/pretokenizers/0/behavior", R"("Removed")", "Isolated"},
      {"tokenizer", "/pre_tokenizer/pretokenizers/1/use_regex", "true", "use_regex must be false"},
      {"tokenizer", "/pre_tokenizer/pretokenizers/1/type", R"("Digits")", "Split, Digits"},
      {"tokenizer", "/pre_tokenizer", "null", "pre_tokenizer: nothing is not supported"},
      {"tokenizer_mistral", "/pre_tokenizer/prepend_scheme", R"("last")", "\"last\""},
      {"tokenizer_mistral", "/pre_tokenizer/replacement", R"("_")", "replacement"},
      {"tokenizer", "/decoder/type", R"("WordPiece")", "decoder: WordPiece"},
      {"tokenizer_mistral", "/decoder/decoders/3/start", "2", "start: 2 is out of range"},
      {"tokenizer_mistral", "/decoder/decoders/1/type", R"("CTC")", "Replace, CTC, Fuse, Strip"},
      {"tokenizer", "/post_processor/type", R"("BertProcessing")", "BertProcessing"},
      {"tokenizer_mistral", "/post_processor/single/1", R"({"SpecialToken": {"id": "<s>"}})",
       "the text itself is missing"},
      {"tokenizer_mistral", "/post_processor/special_tokens/<s>/ids/0", "5000", "5000 is no token"},
      {"tokenizer", "/added_tokens/0/id", "1e30", "expected a whole number"},
      {"tokenizer", "/added_tokens/0/id", "4000000000", "added_tokens[0].id: 4000000000 is out of"},
      {"tokenizer", "/added_tokens/0/id", "7", "that id belongs to"},
      {"tokenizer", "/added_tokens/0/content", R"("!")", "that text has the id 0"},
      {"tokenizer", "/added_tokens/0/content", R"("")", "must not be empty"},
      {"tokenizer", "/added_tokens/0/special", "1", "added_tokens[0].special: expected true"},
      {"tokenizer", "/added_tokens", "7", "added_tokens: expected a list"},
      {"tokenizer", "/model", "null", "the key \"model\" is missing"},
      {"tokenizer", "/model/vocab", "{}", "no token \"\u0100\" for the byte 0x00"},
      {"tokenizer_mistral", "/model/vocab", "{}", "no token \"<0x00>\""},
  };
  for (const auto& change : changes) {
    OrderedJson file = golden_json(change.folder);
    if (change.value == "{}") file["model"]["merges"] = OrderedJson::array();
    file[OrderedJson::json_pointer(change.pointer)] = OrderedJson::parse(change.value);
    expect_contains(refusal(file.dump()), change.part);
  }
}

TEST(TokenizerFile, RefusesAConfigThatDoesNotFit) {
  const std::string file = golden_file("tokenizer/tokenizer.json");
  expect_contains(refusal(file, "[]"), "expected an object");
  expect_contains(refusal(file, "{"), "tokenizer_config.json");
  expect_contains(refusal(file, R"({"eos_token": "nope"})"), "\"nope\" is no token");
  expect_contains(refusal(file, R"({"eos_token": 7})"), "eos_token: expected a string");
  expect_contains(refusal(file, R"({"added_tokens_decoder": {"x": {"content": "y"}}})"),
                  "the id must be a number");
  expect_contains(refusal(file, R"({"added_tokens_decoder": {"3": {"content": "y"}}})"),
                  "that id belongs to");
  expect_contains(refusal(file, R"({"added_tokens_decoder": {"99999999999": {"content": "y"}}})"),
                  "the id must be a number");
}

}  // namespace
}  // namespace polaris

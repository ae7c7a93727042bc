#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "app/command.h"
#include "app/model_text.h"
#include "app/record_files.h"
#include "base/error.h"

namespace polaris {
namespace {

struct TokensArgs {
  std::string model;
  RecordFiles files;
  std::string chat_template = "auto";
  bool decode = false;
};

std::string render(const Record& record, const ChatTemplate& chat, const OrderedJson& list) {
  const auto messages = parse_messages(list, record.place());
  RenderOptions options{
      .add_generation_prompt = record.flag("add_generation_prompt").value_or(true),
      .enable_thinking = record.flag("enable_thinking")};
  if (const OrderedJson* tools = record.find("tools")) {
    if (!tools->is_array()) throw record.refused("\"tools\" is not a list");
    options.tools.assign(tools->begin(), tools->end());
  }
  try {
    return render_chat(chat, messages, options).text;
  } catch (const Error& e) {
    throw e.within(record.place());
  }
}

std::vector<TokenId> read_ids(const Record& record) {
  const OrderedJson& list = *record.find("tokens");
  if (!list.is_array()) throw record.refused("\"tokens\" is not a list of ids");
  std::vector<TokenId> ids;
  ids.reserve(list.size());
  for (const OrderedJson& entry : list) {
    const bool is_id = entry.is_number_unsigned() &&
                       entry.get<std::uint64_t>() <= std::numeric_limits<TokenId>::max();
    if (!is_id)
      throw record.refused(
          fmt::format("\"tokens\"[{}] is not a token id, a whole number from 0", ids.size()));
    ids.push_back(entry.get<TokenId>());
  }
  return ids;
}

void refuse_strangers(const Record& record, const std::vector<TokenId>& ids,
                      const Tokenizer& tokenizer) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (static_cast<std::size_t>(ids[i]) >= tokenizer.vocab_size())
      throw record.refused(
          fmt::format("\"tokens\"[{}] is {}, but the tokenizer has ids below {}; is it "
                      "the right model?",
                      i, ids[i], tokenizer.vocab_size()));
  }
}

/// Adds `tokens`, `count` and, where it is wanted, `text`.
void fill(Record& record, ModelText& model, bool decode) {
  const Tokenizer& tokenizer = model.tokenizer();
  std::vector<TokenId> ids;
  if (decode && record.find("tokens") != nullptr) {
    ids = read_ids(record);
    refuse_strangers(record, ids, tokenizer);
  } else if (const OrderedJson* messages = record.find("messages")) {
    const std::string text = render(record, model.chat(), *messages);
    // As the published templates are encoded: a control token that a message spells out counts.
    ids = tokenizer.encode(text);
    record.set("text", text);
  } else if (const auto text = record.text("text")) {
    ids = tokenizer.encode(*text);
  } else if (record.find("tokens") != nullptr) {
    ids = read_ids(record);
  } else {
    throw record.refused("the record has neither \"text\" nor \"messages\" nor \"tokens\"");
  }
  if (decode) record.set("text", tokenizer.decode(ids));
  record.set("tokens", ids);
  record.set("count", ids.size());
}

void convert(const TokensArgs& args) {
  ModelText model(args.model, args.chat_template, "--chat-template NAME");
  args.files.for_each("tokenizing", [&](Record& record) { fill(record, model, args.decode); });
}

}  // namespace

void add_tokens_command(CLI::App& app) {
  auto args = std::make_shared<TokensArgs>();
  CLI::App* command =
      app.add_subcommand("tokens", "Encode and decode text, render chats, count tokens");
  command->add_option("--model", args->model, "model folder; only its tokenizer files are needed")
      ->required();
  args->files.add_options(*command);
  command->add_flag("--decode", args->decode, "turn `tokens` into `text`");
  command->add_option("--chat-template", args->chat_template,
                      "for a model whose own is not known: auto or " + chat_template_names());
  command->footer(
      "A record holds one of\n"
      "  messages  a chat (with add_generation_prompt, default true, enable_thinking, tools)\n"
      "  text      encoded without BOS or other additions\n"
      "  tokens    counted, or decoded with --decode\n"
      "in this order of preference; with --decode, tokens come first. `tokens` and `count` are "
      "added,\nfor messages also `text`, the rendered chat; with --decode, `text` is what the "
      "tokens stand for.\nOther fields are passed through.\n"
      "Example: polaris tokens --model models/Qwen3.5-9B --in prompts.jsonl --out tokens.jsonl");
  command->callback([args] { convert(*args); });
}

}  // namespace polaris

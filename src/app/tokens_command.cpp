#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>

#include "app/command.h"
#include "app/file_progress.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/jsonl.h"
#include "text/chat_choice.h"
#include "text/tokenizer.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

struct TokensArgs {
  std::string model;
  std::string in;
  std::string out;
  std::string chat_template = "auto";
  bool decode = false;
};

/// The text side of a model. Its chat template is looked for when the first conversation comes:
/// plain text and ids need none.
class ModelText {
 public:
  explicit ModelText(const TokensArgs& args)
      : model_(args.model), configured_(args.chat_template), tokenizer_(Tokenizer::load(model_)) {
    if (configured_ != "auto" && !chat_template_named(configured_))
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("--chat-template is \"{}\"; it must be auto or one of {}",
                              configured_, chat_template_names()));
  }

  const Tokenizer& tokenizer() const { return tokenizer_; }

  const ChatTemplate& chat() {
    if (!chat_) chat_ = choose();
    return *chat_;
  }

 private:
  ChatTemplate choose() const {
    const fs::path folder = fs::is_directory(model_) ? model_ : folder_of(model_);
    try {
      const auto choice = choose_chat_template(folder, tokenizer_, configured_);
      using How = ChatTemplateChoice::How;
      if (choice.how == How::kByModelType || choice.how == How::kByTokenizer)
        std::cerr << "note: " << choice.note << '\n';
      return choice.chat;
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInvalidConfig) throw;
      throw Error(e.code(), fmt::format("{} (here: --chat-template NAME)", e.what()));
    }
  }

  fs::path model_;
  std::string configured_;
  Tokenizer tokenizer_;
  std::optional<ChatTemplate> chat_;
};

/// One record of the input, which becomes one of the output. Errors name its place.
class TokensRecord {
 public:
  TokensRecord(OrderedJson json, std::string place)
      : json_(std::move(json)), place_(std::move(place)) {
    if (!json_.is_object()) throw refused("the line does not hold an object {...}");
  }

  /// Adds `tokens`, `count` and, where it is wanted, `text`.
  const OrderedJson& fill(ModelText& model, bool decode) {
    const Tokenizer& tokenizer = model.tokenizer();
    std::vector<TokenId> ids;
    if (decode && find("tokens") != nullptr) {
      ids = read_ids();
      refuse_strangers(ids, tokenizer);
    } else if (const OrderedJson* messages = find("messages")) {
      const std::string text = render(model.chat(), *messages);
      // As the published templates are encoded: a control token that a message spells out counts.
      ids = tokenizer.encode(text);
      json_["text"] = text;
    } else if (const OrderedJson* text = find("text")) {
      if (!text->is_string()) throw refused("\"text\" is not a string");
      ids = tokenizer.encode(text->get_ref<const std::string&>());
    } else if (find("tokens") != nullptr) {
      ids = read_ids();
    } else {
      throw refused("the record has neither \"text\" nor \"messages\" nor \"tokens\"");
    }
    if (decode) json_["text"] = tokenizer.decode(ids);
    json_["tokens"] = ids;
    json_["count"] = ids.size();
    return json_;
  }

 private:
  Error refused(std::string_view reason) const {
    return {ErrorCode::kInvalidData, fmt::format("{}: {}", place_, reason)};
  }

  /// The field, unless it is absent or null.
  const OrderedJson* find(const char* field) const {
    const auto found = json_.find(field);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  std::optional<bool> flag(const char* field) const {
    const OrderedJson* value = find(field);
    if (value == nullptr) return std::nullopt;
    if (!value->is_boolean()) throw refused(fmt::format("\"{}\" is not true or false", field));
    return value->get<bool>();
  }

  std::string render(const ChatTemplate& chat, const OrderedJson& list) const {
    const auto messages = parse_messages(list, place_);
    RenderOptions options{.add_generation_prompt = flag("add_generation_prompt").value_or(true),
                          .enable_thinking = flag("enable_thinking")};
    if (const OrderedJson* tools = find("tools")) {
      if (!tools->is_array()) throw refused("\"tools\" is not a list");
      options.tools.assign(tools->begin(), tools->end());
    }
    try {
      return render_chat(chat, messages, options).text;
    } catch (const Error& e) {
      throw e.within(place_);
    }
  }

  std::vector<TokenId> read_ids() const {
    const OrderedJson& list = *find("tokens");
    if (!list.is_array()) throw refused("\"tokens\" is not a list of ids");
    std::vector<TokenId> ids;
    ids.reserve(list.size());
    for (const OrderedJson& entry : list) {
      const bool is_id = entry.is_number_unsigned() &&
                         entry.get<std::uint64_t>() <= std::numeric_limits<TokenId>::max();
      if (!is_id)
        throw refused(
            fmt::format("\"tokens\"[{}] is not a token id, a whole number from 0", ids.size()));
      ids.push_back(entry.get<TokenId>());
    }
    return ids;
  }

  void refuse_strangers(const std::vector<TokenId>& ids, const Tokenizer& tokenizer) const {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (static_cast<std::size_t>(ids[i]) >= tokenizer.vocab_size())
        throw refused(
            fmt::format("\"tokens\"[{}] is {}, but the tokenizer has ids below {}; is it "
                        "the right model?",
                        i, ids[i], tokenizer.vocab_size()));
    }
  }

  OrderedJson json_;
  std::string place_;
};

/// A file that appears whole or not at all, or standard output.
class Output {
 public:
  explicit Output(const std::string& name) {
    if (name != "-") file_.emplace(name);
  }

  void write(const std::string& line) {
    if (file_) {
      file_->write(line);
    } else if (!(std::cout << line)) {
      throw Error(ErrorCode::kIo, "cannot write to standard output");
    }
  }

  void commit() {
    if (file_) {
      file_->commit();
    } else if (!std::cout.flush()) {
      throw Error(ErrorCode::kIo, "cannot write to standard output");
    }
  }

 private:
  std::optional<AtomicFile> file_;
};

void convert(const TokensArgs& args) {
  ModelText model(args);
  if (args.out != "-") watch_for_interrupt();
  JsonlReader records(args.in == "-" ? "/dev/stdin" : args.in, LastLine::kMustBeWhole);
  Output out(args.out);
  FileProgress progress("tokenizing", args.in);
  while (auto json = records.next_ordered()) {
    if (interrupt_requested())
      throw Error(ErrorCode::kInterrupted,
                  fmt::format("stopped at {}; {} is not written", records.place(), args.out));
    TokensRecord record(std::move(*json), records.place());
    out.write(record.fill(model, args.decode).dump() + '\n');
    progress.reach(records.offset());
  }
  out.commit();
}

}  // namespace

void add_tokens_command(CLI::App& app) {
  auto args = std::make_shared<TokensArgs>();
  CLI::App* command =
      app.add_subcommand("tokens", "Encode and decode text, render chats, count tokens");
  command->add_option("--model", args->model, "model folder; only its tokenizer files are needed")
      ->required();
  command->add_option("--in", args->in, "JSON lines, or - for standard input")->required();
  command
      ->add_option("--out", args->out,
                   "the same records with what is added; replaced when all is done; - for standard "
                   "output")
      ->required();
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

#include "app/model_text.h"

#include <iostream>
#include <utility>

#include "base/error.h"
#include "base/file_system.h"
#include "text/chat_choice.h"

namespace polaris {

namespace fs = std::filesystem;

ModelText::ModelText(fs::path model, std::string configured, std::string option)
    : model_(std::move(model)),
      configured_(std::move(configured)),
      option_(std::move(option)),
      tokenizer_(Tokenizer::load(model_)) {
  if (configured_ != "auto" && !chat_template_named(configured_))
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("the chat template is \"{}\"; it must be auto or one of {} (here: {})",
                            configured_, chat_template_names(), option_));
}

bool ModelText::exists_in(const fs::path& folder) { return fs::exists(folder / "tokenizer.json"); }

const ChatTemplate& ModelText::chat() {
  if (!chat_) chat_ = choose();
  return *chat_;
}

std::string_view ModelText::end_of_turn() {
  try {
    return polaris::end_of_turn(chat().kind);
  } catch (const Error&) {
    return "";
  }
}

ChatTemplate ModelText::choose() const {
  const fs::path folder = fs::is_directory(model_) ? model_ : folder_of(model_);
  try {
    const auto choice = choose_chat_template(folder, tokenizer_, configured_);
    using How = ChatTemplateChoice::How;
    if (choice.how == How::kByModelType || choice.how == How::kByTokenizer)
      std::cerr << "note: " << choice.note << '\n';
    return choice.chat;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInvalidConfig) throw;
    throw Error(e.code(), fmt::format("{} (here: {})", e.what(), option_));
  }
}

}  // namespace polaris

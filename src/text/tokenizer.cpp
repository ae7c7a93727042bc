#include "text/tokenizer.h"

#include "text/tokenizer_impl.h"
#include "text/unicode.h"

namespace polaris {

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<TokenId> Tokenizer::encode(std::string_view text) const { return encode(text, {}); }

std::vector<TokenId> Tokenizer::encode(std::string_view text,
                                       std::span<const ByteRange> plain) const {
  std::vector<TokenId> ids;
  impl_->encode(text, /*recognise=*/true, plain, ids);
  return ids;
}

std::vector<TokenId> Tokenizer::encode_with_special(std::string_view text) const {
  std::vector<TokenId> ids = impl_->pipeline.prefix;
  impl_->encode(text, /*recognise=*/true, {}, ids);
  const auto& suffix = impl_->pipeline.suffix;
  ids.insert(ids.end(), suffix.begin(), suffix.end());
  return ids;
}

std::vector<TokenId> Tokenizer::encode_plain(std::string_view text) const {
  std::vector<TokenId> ids;
  impl_->encode(text, /*recognise=*/false, {}, ids);
  return ids;
}

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  return impl_->vocabulary.find(token);
}

std::optional<std::string> Tokenizer::id_to_token(TokenId id) const {
  const auto text = impl_->vocabulary.text_of(id);
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::size_t Tokenizer::vocab_size() const { return impl_->vocabulary.id_limit(); }

bool Tokenizer::is_special(TokenId id) const {
  const auto index = static_cast<std::size_t>(id);  // a negative id becomes huge
  return index < impl_->is_special.size() && impl_->is_special[index];
}

std::optional<TokenId> Tokenizer::bos_id() const { return impl_->bos; }
std::optional<TokenId> Tokenizer::eos_id() const { return impl_->eos; }
std::optional<TokenId> Tokenizer::pad_id() const { return impl_->pad; }

std::string_view Tokenizer::pattern_name() const {
  return impl_->pipeline.split ? name_of(*impl_->pipeline.split) : "metaspace";
}

const std::optional<std::filesystem::path>& Tokenizer::config_path() const {
  return impl_->config_path;
}

}  // namespace polaris

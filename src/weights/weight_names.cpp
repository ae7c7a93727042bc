#include "weights/weight_names.h"

#include <array>
#include <utility>

#include "base/error.h"

namespace polaris {
namespace {

constexpr std::string_view kEmbedding = "embed_tokens.weight";
constexpr std::string_view kHead = "lm_head.weight";

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kSpellings = {{
    {"model.language_model.", "lm_head.weight"},
    {"model.", "lm_head.weight"},
    {"language_model.model.", "language_model.lm_head.weight"},
    {"", "lm_head.weight"},
}};

}  // namespace

WeightNames WeightNames::detect(const HfCheckpoint& checkpoint) {
  std::optional<WeightNames> names;
  for (const auto& [prefix, head] : kSpellings) {
    const std::string embedding = std::string(prefix).append(kEmbedding);
    if (checkpoint.find(embedding) == nullptr) continue;
    if (names) {
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("{}: both {} and {} are there; one text model is needed",
                              checkpoint.folder().string(), names->in_file(kEmbedding), embedding));
    }
    names = WeightNames(prefix, head);
  }
  if (!names) {
    throw Error(
        ErrorCode::kInvalidData,
        fmt::format("{}: no tensor 'model.{}' (or with another known prefix); is this a text "
                    "model?",
                    checkpoint.folder().string(), kEmbedding));
  }
  return *names;
}

std::string WeightNames::in_file(std::string_view canonical) const {
  return canonical == kHead ? head_ : prefix_ + std::string(canonical);
}

std::optional<std::string> WeightNames::canonical(std::string_view in_file) const {
  if (in_file == head_) return std::string(kHead);
  if (!in_file.starts_with(prefix_)) return std::nullopt;
  const std::string_view name = in_file.substr(prefix_.size());
  if (name == kHead) return std::nullopt;  // the head stands elsewhere: see above
  return std::string(name);
}

}  // namespace polaris

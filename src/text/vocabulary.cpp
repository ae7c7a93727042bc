#include "text/vocabulary.h"

#include <algorithm>
#include <functional>

#include "base/error.h"

namespace polaris {
namespace {

std::uint32_t hash_of(std::string_view text) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(text));
}

}  // namespace

std::size_t Vocabulary::slot_of(std::string_view text, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot] != 0) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && view(entry) == text) break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

void Vocabulary::grow() {
  std::vector<std::uint32_t> slots(std::max<std::size_t>(1024, slots_.size() * 2));
  const std::size_t mask = slots.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t slot = entries_[i].hash & mask;
    while (slots[slot] != 0) slot = (slot + 1) & mask;
    slots[slot] = static_cast<std::uint32_t>(i + 1);
  }
  slots_ = std::move(slots);
}

bool Vocabulary::add(std::string_view text, TokenId id) {
  POLARIS_CHECK(id >= 0, "id {}", id);
  if (entries_.size() * 2 >= slots_.size()) grow();
  const std::uint32_t hash = hash_of(text);
  const std::size_t slot = slot_of(text, hash);
  const auto index = static_cast<std::size_t>(id);
  if (slots_[slot] != 0 || (index < entry_by_id_.size() && entry_by_id_[index] != 0)) return false;
  POLARIS_CHECK(texts_.size() + text.size() <= UINT32_MAX);
  if (index >= entry_by_id_.size()) entry_by_id_.resize(index + 1);
  entries_.push_back({.begin = static_cast<std::uint32_t>(texts_.size()),
                      .length = static_cast<std::uint32_t>(text.size()),
                      .hash = hash,
                      .id = id});
  texts_ += text;
  longest_ = std::max(longest_, text.size());
  slots_[slot] = entry_by_id_[index] = static_cast<std::uint32_t>(entries_.size());
  return true;
}

std::optional<TokenId> Vocabulary::find(std::string_view text) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t entry = slots_[slot_of(text, hash_of(text))];
  if (entry == 0) return std::nullopt;
  return entries_[entry - 1].id;
}

std::optional<std::string_view> Vocabulary::text_of(TokenId id) const {
  const auto index = static_cast<std::size_t>(id);  // a negative id becomes huge
  if (index >= entry_by_id_.size() || entry_by_id_[index] == 0) return std::nullopt;
  return view(entries_[entry_by_id_[index] - 1]);
}

}  // namespace polaris

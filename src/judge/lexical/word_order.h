#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace polaris::lexical {

/// Coarse word classes: a class for each frequent function word, and some for the rest, told apart
/// by their endings. Two texts with the same classes in the same order have the same grammar as far
/// as this judge can see.
class OrderClasses {
 public:
  /// The classes that are not a function word, behind all function words.
  enum Group : std::uint8_t {
    kParagraph,
    kComma,  ///< , ; : dash, round bracket
    kEnd,    ///< . ! ? …
    kOpen,   ///< opening quotation mark
    kClose,
    kName,
    kNumber,
    kPast,
    kIng,
    kLy,
    kPlural,
    kOther,
    kGroups,
  };

  static const OrderClasses& get();

  std::uint8_t count() const { return static_cast<std::uint8_t>(function_words_ + kGroups); }
  std::uint8_t of(Group group) const { return static_cast<std::uint8_t>(function_words_ + group); }
  bool is_function_word(std::uint8_t order_class) const { return order_class < function_words_; }

  /// The class of a word in lower case that does not stand as a name.
  std::uint8_t of_word(std::string_view lower) const;

  /// ln(seen / expected) for `second` standing `distance` (1 to 3) places behind `first`.
  double affinity(int distance, std::uint8_t first, std::uint8_t second) const {
    return affinity_[distance - 1][first * count() + second];
  }

 private:
  OrderClasses();

  std::uint8_t function_words_ = 0;
  std::unordered_map<std::string_view, std::uint8_t> explicit_;
  std::vector<float> affinity_[3];
};

}  // namespace polaris::lexical

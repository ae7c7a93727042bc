#include "judge/lexical/word_order.h"

#include "base/error.h"
#include "base/strings.h"
#include "judge/lexical/tables.h"

namespace polaris::lexical {

const OrderClasses& OrderClasses::get() {
  static const OrderClasses kClasses;
  return kClasses;
}

OrderClasses::OrderClasses() {
  for (const std::string_view word : split(kOrderFunctionWords, ' '))
    explicit_.emplace(word, function_words_++);
  for (const std::string_view word : split(kOrderPastForms, ' '))
    explicit_.emplace(word, of(kPast));

  const std::string_view tables[] = {kOrderNext, kOrderSecond, kOrderThird};
  for (int i = 0; i < 3; ++i) {
    POLARIS_CHECK(tables[i].size() == std::size_t{count()} * count());
    for (const char cell : tables[i])
      affinity_[i].push_back(static_cast<float>((static_cast<int>(cell) - 80) * 0.1));
  }
}

std::uint8_t OrderClasses::of_word(std::string_view lower) const {
  if (const auto found = explicit_.find(lower); found != explicit_.end()) return found->second;
  if (lower.empty()) return of(kOther);
  if (lower.front() >= '0' && lower.front() <= '9') return of(kNumber);
  if (lower.ends_with("ed")) return of(kPast);
  if (lower.ends_with("ing")) return of(kIng);
  if (lower.ends_with("ly")) return of(kLy);
  if (lower.ends_with("s") && !lower.ends_with("ss")) return of(kPlural);
  return of(kOther);
}

}  // namespace polaris::lexical

// What tools/make_lexical_tables.py counted in the story corpus, held-out stories left out.
#pragma once

#include <string_view>

namespace polaris::lexical {

/// 16,000 lower-case word forms found in at least four stories, the most frequent first, separated
/// by blanks.
extern const std::string_view kCommonWords;

/// Words that are a class of their own in the order tables, in the order of their rows.
extern const std::string_view kOrderFunctionWords;

/// Past forms without -ed.
extern const std::string_view kOrderPastForms;

/// [C, C] one character per pair of word classes: 80 + 10 ln(seen / expected by chance), the second
/// class standing one, two or three places behind the first. C = OrderClasses::count().
extern const std::string_view kOrderNext;
extern const std::string_view kOrderSecond;
extern const std::string_view kOrderThird;

}  // namespace polaris::lexical

#include "judge/lexical/word_lists.h"

#include <array>

#include "judge/lexical/lexicon.h"

// The lists are our own, written for this judge. Forms are listed as they occur in narrative prose;
// there is no claim of completeness, only that the rates separate pages that have much of a thing
// from pages that have none.

namespace polaris::lexical {
namespace {

constexpr std::array<WordListEntry, 12> kLists = {{
    {"the and of a an to in was he that his it with had you for her as at on him is not my said "
     "she "
     "me but be have from all were one out by up this so they or there which no into been would "
     "when about like them could what if we are who down more their some over then very upon your "
     "now do did will before only than its other again never too after away through can must has "
     "any where us off here our even how though am might such should while these those yet may "
     "ever most own i ours yours hers theirs himself herself itself myself yourself themselves "
     "ourselves whom whose does done having being because since until till unless although "
     "whether between among against under above below behind beside besides beyond across along "
     "around round near toward towards within without during except per via both each either "
     "neither every another much many few less least several enough same else also just quite "
     "rather almost nearly always often sometimes soon still already perhaps indeed however "
     "therefore thus hence therein shall ought cannot can't don't didn't doesn't isn't wasn't "
     "weren't won't wouldn't couldn't shouldn't haven't hasn't hadn't i'm i've i'd i'll you're "
     "you've you'd you'll he's he'd he'll she's she'd she'll it's it'd it'll we're we've we'd "
     "we'll they're they've they'd they'll that's there's here's what's who's where's let's ain't "
     "mr mrs miss sir yes oh ah well why once twice first last two three four five six seven "
     "eight nine ten say says go goes get got come comes let make made thing things something "
     "anything nothing everything someone anyone everyone nobody everybody somebody anybody",
     kFunctionWord},
    {"he she i we they who", kPerson},

    // Feelings and acts of the mind.
    {"afraid fear feared fears fearful terror terrified dread dreaded horror horrified fright "
     "frightened scared alarm alarmed panic anxious anxiety worry worried worries nervous uneasy "
     "love loved loves loving beloved adored tenderness tender affection fond fondness passion "
     "desire desired longing longed yearning yearned hate hated hatred loathing loathed disgust "
     "disgusted contempt despised envy envied jealous jealousy anger angry rage fury furious "
     "indignant indignation resentment bitter bitterness bitterly grief grieved grieving sorrow "
     "sorrowful sad sadness sadly misery miserable melancholy despair desperate despairing lonely "
     "loneliness lonesome mourning mourned regret regretted regrets remorse guilt guilty shame "
     "ashamed embarrassed embarrassment humiliated humiliation pride proud proudly vanity joy "
     "joyful joyous happy happiness happily glad gladness gladly delight delighted pleasure "
     "pleased cheerful merry mirth content contented relief relieved hope hoped hopes hopeful "
     "hoping wonder wondered wondering astonished astonishment amazed amazement surprised "
     "surprise startled curious curiosity pity pitied compassion mercy sympathy gratitude "
     "grateful thankful trust trusted doubt doubted doubts suspicion suspected weary weariness "
     "calm calmly serene peaceful excited excitement eager eagerly eagerness impatient "
     "impatience bored boredom disappointed disappointment hurt wounded tears wept weeping cried "
     "crying sobbed sobbing sob sobs sigh sighed laughed laughing laughter smiled smiling smile "
     "blushed blush trembled trembling shuddered shivered heart hearts soul souls spirit mind "
     "minds feeling feelings emotion felt feel thought thoughts thinking remembered remember "
     "memory memories forgot forgotten forgive forgave dream dreamed dreamt dreams dreaming "
     "wished wish wishes wanted believed believe knew know realized realised understood imagined "
     "imagination conscience courage brave bravely resolve suffering suffered agony anguish "
     "torment tormented comfort comforted comforting kindness cruel cruelty gentle gently "
     "devotion devoted loyal reverence awe solemn innocent innocence",
     kInner},

    // Things and places.
    {"hand hands arm arms head face eye eyes ear ears nose mouth lips lip teeth tongue hair beard "
     "cheek cheeks chin neck shoulder shoulders breast chest back finger fingers thumb fist fists "
     "foot feet leg legs knee knees skin bone bones blood throat forehead brow elbow wrist house "
     "houses home room rooms door doors doorway window windows wall walls floor roof ceiling "
     "stairs stair staircase step steps kitchen parlour parlor bedroom hall cellar attic chimney "
     "hearth fireplace fire fires stove lamp lamps candle candles lantern matches pipe tobacco "
     "cigar smoke ash ashes table tables chair chairs bench bed beds pillow blanket sheet sheets "
     "curtain curtains carpet rug mirror glass glasses cup cups bottle bottles plate plates dish "
     "dishes bowl knife knives fork spoon pot kettle pan bucket basket box boxes bag bags trunk "
     "chest drawer drawers shelf shelves cupboard book books page pages paper papers letter "
     "letters envelope pen pencil ink newspaper coin coins money gold silver iron steel brass "
     "copper wood wooden stone stones brick bricks mud dust sand clay rope string chain chains "
     "wire nail nails hammer axe saw spade plough wheel wheels cart wagon carriage coach train "
     "trains engine rails station platform car streetcar ship ships boat boats deck mast sail "
     "sails oar oars anchor harbour harbor wharf quay bridge road roads street streets lane path "
     "track pavement gate gates fence hedge yard garden gardens orchard field fields meadow farm "
     "barn stable mill village town city church tower bell bells steeple grave graves graveyard "
     "coffin shop shops store counter inn tavern hotel bar school court prison cell castle palace "
     "temple tent camp hut cabin cottage hill hills mountain mountains cliff cliffs rock rocks "
     "cave valley plain desert forest woods tree trees oak pine branch branches bough boughs leaf "
     "leaves root roots bush bushes grass flower flowers rose roses lily thorn thorns seed seeds "
     "moss fern river rivers stream brook lake pool pond sea waves wave shore beach island water "
     "rain snow ice frost hail wind winds storm thunder lightning cloud clouds sky sun sunlight "
     "sunset moon moonlight star stars shadow shadows fog mist dew horse horses mare pony dog "
     "dogs cat cats cow cows sheep goat pig pigs wolf wolves bear fox rat rats mouse mice bird "
     "birds crow crows hen hens duck ducks fish snake bee bees fly flies butterfly spider bread "
     "butter cheese milk egg eggs meat beef bacon soup cake cakes apple apples fruit wine beer "
     "whisky whiskey brandy tea coffee sugar salt corn wheat flour potatoes supper dinner "
     "breakfast coat coats hat hats cap bonnet dress dresses gown skirt shirt collar sleeve "
     "sleeves pocket pockets button buttons boot boots shoe shoes stocking stockings glove gloves "
     "ring necklace watch clock umbrella stick cane whip gun guns pistol rifle sword swords spear "
     "bow arrow arrows shield flag drum fiddle violin piano",
     kConcrete},
    // Sense impressions.
    {"red blue green yellow white black brown grey gray purple scarlet crimson golden silvery pale "
     "dark bright dim shiny gleaming gleamed glittering glittered glowing glowed glow shone "
     "shining flashed flickered sparkled dusky cold warm hot cool wet dry damp soft smooth rough "
     "sharp heavy thick thin hard hollow sticky slippery dusty muddy rusty broken cracked torn "
     "ragged round narrow steep flat tall short loud quiet silent silence noise noises sound "
     "sounds whisper whispered murmur murmured hiss hissed rattle rattled creak creaked crash "
     "crashed thud clatter clattered rustle rustled tap tapped knock knocked bang ring rang "
     "ringing "
     "echo echoed roar roared howl howled scream screamed shriek shrieked smell smelled smelt "
     "scent odour odor perfume fragrance stench sweet sour bitter-sweet salty taste tasted touch "
     "touched rubbed stroked gripped grasped clutched dripping dripped soaked",
     kConcrete},

    // Notions that the endings do not catch.
    {"matter matters aspect aspects factor factors issue issues process processes system systems "
     "concept concepts idea ideas notion notions theory theories principle principles truth truths "
     "fact facts reality nature essence sense meaning purpose reason reasons cause causes effect "
     "effects result results consequence consequences circumstance circumstances condition "
     "conditions case cases degree extent manner method methods means basis form forms kind kinds "
     "sort sorts type types level levels role roles task tasks problem problems question questions "
     "answer answers choice choices power powers force forces influence authority order law laws "
     "right rights duty duties fate destiny fortune chance justice virtue virtues evil good wisdom "
     "knowledge belief beliefs faith opinion opinions view views value values importance character "
     "quality qualities quantity ability abilities capacity talent genius skill success failure "
     "progress change changes growth history culture society tradition custom customs experience "
     "experiences event events state states status relation relations context concern concerns "
     "interest interests advantage benefit benefits effort efforts attempt attempts plan plans "
     "intention intentions motive motives freedom liberty peace war life death time past future "
     "beginning ending whole part parts total general particular various certain usual common "
     "necessary possible impossible important",
     kAbstract},

    {"went came took ran struck caught drew rose threw broke wrote shook fell led laid swung flung "
     "leapt crept bent bound built burst bought clung cut dug drank drove ate fought fled flew "
     "froze hid hit hung knelt lit paid rode sang sank sought sold sent shot shut slid sprang "
     "stole stuck strode swam swept swore tore taught wound lifted gave left brought turned put "
     "set rang spoke told made got began woke won beat withdrew overtook fed spun spread dragged "
     "stepped walked rushed pushed pulled grabbed seized opened closed jumped climbed",
     kAction},
    {"chose decided resolved refused insisted promised agreed dared determined intended vowed "
     "accepted declined obeyed disobeyed confessed admitted forgave volunteered risked",
     kAction | kChoice},
    {"seemed remained appeared existed belonged consisted resembled deserved lasted happened "
     "mattered owned required contained involved lived stayed needed lacked differed depended "
     "concerned became bored tired used supposed red indeed need seed weed feed bed shed wed",
     kState},

    {"eternal infinite endless boundless ethereal celestial divine sublime majestic magnificent "
     "glorious splendid radiant resplendent luminous shimmering iridescent opalescent incandescent "
     "luscious exquisite ineffable unutterable unspeakable indescribable unfathomable cosmic "
     "cataclysmic primordial labyrinthine cyclopean eldritch spectral phantasmal ghastly hideous "
     "monstrous frightful dreadful terrible awful horrible unearthly otherworldly tempestuous "
     "torrential velvety silken gossamer crystalline symphony tapestry kaleidoscope crescendo "
     "maelstrom abyss abysmal void oblivion utterly infinitely eternally endlessly immeasurably "
     "incredibly absolutely tremendously supremely profoundly excruciatingly agonizingly "
     "breathtaking breathtakingly heartrending soul-shattering mesmerizing mesmerized bewitching "
     "intoxicating overwhelming overwhelmed overwhelmingly myriad countless innumerable unending "
     "everlasting timeless ageless transcendent transcendental ecstatic rapturous delirious "
     "feverish phantasmagoric scintillating coruscating diaphanous effulgent lugubrious "
     "sepulchral portentous cadaverous",
     kOrnate},

    {"exclaimed ejaculated opined averred declared proclaimed announced intoned interjected "
     "retorted "
     "rejoined queried questioned demanded commanded ordered thundered bellowed roared shrieked "
     "screamed screeched hissed growled snarled snapped barked spat sneered scoffed jeered taunted "
     "chuckled giggled tittered smirked grinned beamed gushed cooed purred simpered breathed "
     "gasped "
     "panted wheezed croaked rasped groaned moaned wailed sobbed lamented whimpered stammered "
     "stuttered sputtered faltered blurted pontificated expostulated remonstrated vociferated "
     "articulated enunciated elucidated hypothesized postulated asseverated quavered trilled "
     "chortled guffawed",
     kSpeechVerb},

    {"story stories tale tales write writing written please words word long short quick piece "
     "sketch "
     "scene scenes narrator narrated narration narrative told tell tells teller telling voice tone "
     "first second third person tense present past prose dialogue style plot character characters "
     "reader readers ending end begin beginning open close finish paragraph paragraphs page pages "
     "keep let give show make use used using want need like should could would flash fiction "
     "fable parody satire farce comedy tragedy realism monologue approximately around least most "
     "literary genre theme mood set setting follow describe describes explain build told",
     kTaskWord},

}};

constexpr std::array<std::string_view, 84> kStockPhrases = {
    "heart skipped a beat",
    "heart was pounding",
    "heart pounded",
    "heart raced",
    "heart hammered",
    "a shiver ran down",
    "sent shivers down",
    "let out a breath",
    "breath caught in",
    "took a deep breath",
    "a deep breath",
    "eyes widened",
    "eyes sparkled",
    "eyes twinkled",
    "could not help but",
    "couldn't help but",
    "a mix of",
    "a mixture of",
    "a sense of",
    "a wave of",
    "a flood of",
    "a pang of",
    "a glimmer of hope",
    "a testament to",
    "in the blink of an eye",
    "at the end of the day",
    "needless to say",
    "as luck would have it",
    "like a ton of bricks",
    "the calm before the storm",
    "the silence was deafening",
    "deafening silence",
    "time stood still",
    "time seemed to stop",
    "the weight of the world",
    "weight lifted from",
    "blood ran cold",
    "white as a sheet",
    "pale as death",
    "quiet as a mouse",
    "cold as ice",
    "as black as night",
    "hung in the air",
    "hung heavy in the air",
    "thick with tension",
    "the air was thick",
    "barely above a whisper",
    "voice barely a whisper",
    "a single tear",
    "tears streamed down",
    "tears welled up",
    "a knowing smile",
    "a small smile",
    "a wry smile",
    "a smile tugged at",
    "played on his lips",
    "played on her lips",
    "raised an eyebrow",
    "furrowed his brow",
    "furrowed her brow",
    "clenched his fists",
    "nodded slowly",
    "shook his head slowly",
    "ran a hand through",
    "for what felt like",
    "for what seemed like",
    "seemed to stretch on",
    "the world around him",
    "the world around her",
    "lost in thought",
    "deep in thought",
    "a far cry from",
    "the heart of the",
    "bathed in moonlight",
    "bathed in the glow",
    "the scent of pine",
    "dust motes danced",
    "a force to be reckoned",
    "as a matter of fact",
    "to tell the truth",
    "from head to foot",
    "from time to time",
    "for the first time",
    "all of his might",
};

constexpr std::array<std::string_view, 62> kStockTurns = {
    "once upon a time",
    "happily ever after",
    "it was all a dream",
    "only a dream",
    "a dark and stormy night",
    "love at first sight",
    "little did he know",
    "little did she know",
    "little did they know",
    "all of a sudden",
    "just then",
    "at that very moment",
    "at that moment",
    "in that moment",
    "out of nowhere",
    "without warning",
    "the next morning",
    "the next day",
    "one fateful day",
    "one fine day",
    "one day",
    "from that day on",
    "from that day forward",
    "and then suddenly",
    "then suddenly",
    "suddenly there was",
    "to his surprise",
    "to her surprise",
    "to everyone's surprise",
    "to his horror",
    "to her horror",
    "much to his relief",
    "in the nick of time",
    "against all odds",
    "nothing would ever be the same",
    "never be the same again",
    "changed everything",
    "everything changed",
    "changed his life forever",
    "changed her life forever",
    "the rest is history",
    "as fate would have it",
    "it was then that",
    "that was when",
    "as if by magic",
    "lived to tell the tale",
    "long lost brother",
    "a mysterious stranger",
    "an old map",
    "a hidden door",
    "a secret passage",
    "the chosen one",
    "an ancient prophecy",
    "fell into each other's arms",
    "walked off into the sunset",
    "into the sunset",
    "they embraced",
    "and they lived",
    "a new beginning",
    "a new chapter",
    "the journey had only begun",
    "and so it began",
};

constexpr std::array<std::string_view, 40> kMoralPhrases = {
    "the moral of",
    "the lesson is",
    "the lesson was",
    "learned a lesson",
    "learned an important lesson",
    "learned that",
    "he had learned",
    "she had learned",
    "taught him that",
    "taught her that",
    "taught them that",
    "he realized that",
    "she realized that",
    "they realized that",
    "he realised that",
    "she realised that",
    "he understood that",
    "she understood that",
    "and so we see",
    "this shows that",
    "this showed that",
    "which goes to show",
    "in the end it was",
    "what really mattered",
    "what truly mattered",
    "the true meaning of",
    "the power of love",
    "the power of friendship",
    "the importance of",
    "a reminder that",
    "reminded him that",
    "reminded her that",
    "in other words",
    "that is to say",
    "as i have said",
    "as i said before",
    "as has been said",
    "it meant that",
    "we must remember",
    "let this be",
};

constexpr std::array<std::string_view, 44> kRemarksToAsker = {
    "as an ai",
    "as a language model",
    "i cannot write",
    "i can't write",
    "i am unable to",
    "i'm unable to",
    "i cannot fulfill",
    "i cannot assist",
    "i can't help with",
    "i'm sorry but i",
    "here is the story",
    "here is a story",
    "here's a story",
    "here's the story",
    "here is your story",
    "here is a summary",
    "here is an outline",
    "in this story",
    "in this essay",
    "this story is about",
    "this story explores",
    "the story is about",
    "the story ends with",
    "the story begins with",
    "the story continues",
    "to be continued",
    "end of story",
    "the word count",
    "word count",
    "words long",
    "let me know if",
    "would you like me to",
    "i hope this helps",
    "i hope you enjoy",
    "i hope you enjoyed",
    "feel free to",
    "as requested",
    "as per your request",
    "your prompt",
    "the prompt",
    "in conclusion",
    "in summary",
    "to summarize",
    "part two of this",
};

}  // namespace

std::span<const WordListEntry> word_lists() { return kLists; }
std::span<const std::string_view> stock_phrases() { return kStockPhrases; }
std::span<const std::string_view> stock_turns() { return kStockTurns; }
std::span<const std::string_view> moral_phrases() { return kMoralPhrases; }
std::span<const std::string_view> remarks_to_asker() { return kRemarksToAsker; }

}  // namespace polaris::lexical

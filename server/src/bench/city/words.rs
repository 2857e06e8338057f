//! What shops of a made-up country are called, where they say that they are, and how they are rung
//! up: Chinese words and syllables, some of which come again and again.

use domain::shop::Category;
use rand::RngExt;
use rand::rngs::StdRng;
use std::sync::LazyLock;

/// A word that very many names have in them.
pub(super) const COMMON: &str = "超市";
/// The category of those.
pub(super) const COMMON_CATEGORY: Category = Category::Shopping;

/// Of a hundred names so many are Latin, are a chain's, and begin with a word that many begin with;
/// the others begin with syllables of their own.
const LATIN: u32 = 8;
const OF_CHAINS: u32 = 16;
const OF_WORDS: u32 = 22;

static SYLLABLES: LazyLock<Vec<char>> = LazyLock::new(|| OFTEN.chars().collect());

/// The most frequent first.
const OFTEN: &str = "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕\
    苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段\
    福兴隆昌盛和泰祥瑞丰源茂华荣顺达利永安宁乐康美佳雅丽秀芳香甜鲜味阿小老大新旧东西南北春秋冬\
    花月星云雨雪风山水河湖海天地红绿蓝紫青银玉珠宝德仁义礼智信诚真善良友亲爱家园";

const WORDS: [&str; 32] = [
    "西湖",
    "星光",
    "老街",
    "江南",
    "幸福",
    "云上",
    "青年",
    "北山",
    "阳光",
    "城市",
    "时代",
    "东方",
    "金色",
    "绿野",
    "百味",
    "四季",
    "好又多",
    "天天",
    "快乐",
    "万家",
    "新世纪",
    "海滨",
    "书香",
    "水晶",
    "花园",
    "人民",
    "和平",
    "建设",
    "解放",
    "文化",
    "中心",
    "国际",
];

const CHAINS: [[&str; 4]; 6] = [
    ["苏荷", "海伦司", "胡桃里", "麦霸"],
    ["半岛", "星辰", "两岸", "名典"],
    ["沙县小吃", "兰州拉面", "如意", "肯得乐"],
    ["大光明", "力健", "永琪", "文峰"],
    ["联华", "好德", "老百姓", "良友"],
    ["中信", "招商", "万达", "绿城"],
];

/// The same.
const KINDS: [[&str; 8]; 6] = [
    [
        "酒吧",
        "KTV",
        "清吧",
        "酒馆",
        "会所",
        "夜总会",
        "啤酒屋",
        "音乐吧",
    ],
    [
        "咖啡",
        "奶茶",
        "茶馆",
        "咖啡馆",
        "茶室",
        "网吧",
        "饮品店",
        "茶楼",
    ],
    [
        "饭店",
        "餐厅",
        "面馆",
        "火锅",
        "烧烤",
        "酒店",
        "快餐",
        "包子铺",
    ],
    [
        "理发店",
        "美容院",
        "健身房",
        "足浴",
        "影城",
        "公园",
        "棋牌室",
        "体育馆",
    ],
    [
        "超市",
        "便利店",
        "服装店",
        "药店",
        "水果店",
        "手机店",
        "五金店",
        "商场",
    ],
    [
        "大厦",
        "小区",
        "公司",
        "花园",
        "银行",
        "幼儿园",
        "小学",
        "医院",
    ],
];

const LATIN_WORDS: [&str; 16] = [
    "Blue", "Lucky", "Moon", "Green", "Old Town", "Happy", "Lotus", "Central", "Mono", "Studio",
    "Corner", "Panda", "Jade", "River", "No. 9", "Sunny",
];
const LATIN_KINDS: [&str; 6] = ["Bar", "Coffee", "Kitchen", "Club", "Store", "Plaza"];

const ROADS: [&str; 24] = [
    "文三",
    "中山",
    "解放",
    "人民",
    "建国",
    "延安",
    "南京",
    "北京",
    "学院",
    "湖滨",
    "莫干山",
    "天目山",
    "黄河",
    "长江",
    "和平",
    "新华",
    "体育场",
    "环城北",
    "凤起",
    "庆春",
    "复兴",
    "友谊",
    "光明",
    "工人",
];
const DISTRICTS: [&str; 12] = [
    "西湖", "上城", "江干", "新城", "鼓楼", "朝阳", "高新", "开发", "城关", "和平", "南山", "滨江",
];

/// The name of a shop.
pub(super) fn name(category: Category, dice: &mut StdRng) -> String {
    let of = usize::from(u8::from(category)) - 1;
    let kind = skewed(&KINDS[of], dice);
    match dice.random_range(0..100) {
        at if at < LATIN => format!("{} {}", skewed(&LATIN_WORDS, dice), LATIN_KINDS[of]),
        at if at < LATIN + OF_CHAINS => {
            let (chain, road) = (skewed(&CHAINS[of], dice), any(&ROADS, dice));
            format!("{chain}{kind}({road}店)")
        }
        at if at < LATIN + OF_CHAINS + OF_WORDS => format!("{}{kind}", skewed(&WORDS, dice)),
        _ => own_name(dice) + kind,
    }
}

/// The beginning of a name that hardly anybody else has: two or three syllables.
fn own_name(dice: &mut StdRng) -> String {
    let count = if dice.random_bool(0.6) { 2 } else { 3 };
    (0..count).map(|_| *skewed(&SYLLABLES, dice)).collect()
}

/// Some twenty characters.
pub(super) fn address(city: &str, dice: &mut StdRng) -> String {
    let (district, road) = (any(&DISTRICTS, dice), any(&ROADS, dice));
    let (number, house, floor) = (
        dice.random_range(1..1_000),
        dice.random_range(1..30),
        dice.random_range(1..20),
    );
    format!("{city}市{district}区{road}路{number}号{house}幢{floor}楼")
}

/// A number in a city, a mobile one, or none.
pub(super) fn phone(city: usize, dice: &mut StdRng) -> String {
    match dice.random_range(0..100) {
        0..60 => {
            let (code, number) = (310 + city % 690, dice.random_range(20_000_000..90_000_000));
            format!("0{code}-{number}")
        }
        60..85 => format!("13{}", dice.random_range(100_000_000..1_000_000_000)),
        _ => String::new(),
    }
}

/// What a city is called: two syllables.
pub(super) fn city(dice: &mut StdRng) -> String {
    (0..2).map(|_| *any(&SYLLABLES, dice)).collect()
}

fn any<'a, T>(all: &'a [T], dice: &mut StdRng) -> &'a T {
    &all[dice.random_range(0..all.len())]
}

/// One of them, the first ones more often.
fn skewed<'a, T>(all: &'a [T], dice: &mut StdRng) -> &'a T {
    let at: f64 = dice.random();
    &all[(all.len() as f64 * at * at) as usize]
}

/// Whether a name is all Chinese and begins with syllables of its own.
pub(super) fn is_own(name: &str) -> bool {
    let mut words = WORDS.iter().chain(CHAINS.iter().flatten());
    name.chars().all(|one| one > '\u{2e80}') && !words.any(|word| name.starts_with(word))
}

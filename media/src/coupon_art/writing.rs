//! Text on pictures: Chinese and Latin, broken into lines, cut where it is too long.
//!
//! One font is built in and no other is looked for, so that every machine draws the same; what it
//! has no sign for (emoji, Arabic) is left out rather than shown as a box.

use super::ticket::mix;
use cosmic_text::{
    Attrs, Buffer, Family, Font, FontSystem, Metrics, Shaping, SwashCache, SwashContent, Weight,
    Wrap, fontdb,
};
use image::RgbaImage;
use std::sync::{Arc, Mutex, PoisonError};

/// Made by `font/make_subset.py`.
static FONT: &[u8] = include_bytes!("../../font/NotoSansSC-Subset.ttf");
const FAMILY: &str = "Noto Sans SC";

/// How many drawn signs are kept: some megabytes, and as many as common texts need.
const SIGNS: usize = 4000;

/// Longer texts are cut before anybody looks at their signs: twice what fits on any ticket.
const CHARS: usize = 400;

/// How text looks.
pub(super) struct Style {
    /// The height of a Chinese character in pixels.
    size: f32,
    /// From line to line.
    leading: f32,
    /// What needs more is cut.
    lines: usize,
    colour: [u8; 3],
    bold: bool,
    /// A dark edge at the lower right, for text on pictures.
    shaded: bool,
}

impl Style {
    /// One line, on paper.
    pub(super) const fn plain(size: f32, leading: f32, colour: [u8; 3]) -> Self {
        Self {
            size,
            leading,
            lines: 1,
            colour,
            bold: false,
            shaded: false,
        }
    }

    /// Some lines, on a picture.
    pub(super) const fn shaded(size: f32, leading: f32, lines: usize, colour: [u8; 3]) -> Self {
        Self {
            size,
            leading,
            lines,
            colour,
            bold: false,
            shaded: true,
        }
    }

    /// One line in bolder letters, on a picture.
    pub(super) const fn bold(size: f32, leading: f32, colour: [u8; 3]) -> Self {
        Self {
            size,
            leading,
            lines: 1,
            colour,
            bold: true,
            shaded: true,
        }
    }
}

/// Text that has been broken into lines.
pub(super) struct Block {
    buffer: Buffer,
    colour: [u8; 3],
    bold: bool,
    shaded: bool,
    cut: bool,
    height: f32,
    width: f32,
}

impl Block {
    /// The height of all lines; nothing where there is no text.
    pub(super) fn height(&self) -> f32 {
        self.height
    }

    /// The width of the longest line.
    pub(super) fn width(&self) -> f32 {
        self.width
    }

    /// Whether something was left off at the end.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }
}

/// Breaks text into lines and paints it.
pub(super) struct Writer {
    fonts: FontSystem,
    font: Arc<Font>,
    signs: SwashCache,
}

impl Writer {
    /// Lends the one writer of the process, which is made when it is first needed: it holds the
    /// font's tables and the signs that were drawn last.
    pub(super) fn with<T>(job: impl FnOnce(&mut Self) -> T) -> T {
        static WRITER: Mutex<Option<Writer>> = Mutex::new(None);
        let mut writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, so that one whose job panicked is not used again.
        let mut own = writer.take().unwrap_or_else(Self::new);
        let outcome = job(&mut own);
        if own.signs.image_cache.len() > SIGNS {
            own.signs = SwashCache::new();
        }
        *writer = Some(own);
        outcome
    }

    fn new() -> Self {
        let mut fonts = fontdb::Database::new();
        let loaded = fonts.load_font_source(fontdb::Source::Binary(Arc::new(FONT)));
        let mut fonts = FontSystem::new_with_locale_and_db("zh-CN".into(), fonts);
        let font = loaded
            .first()
            .and_then(|id| fonts.get_font(*id, Weight::NORMAL))
            .expect("the built-in font can be read");
        Self {
            fonts,
            font,
            signs: SwashCache::new(),
        }
    }

    /// Breaks a text into lines; where there are too many, the last one ends with an ellipsis.
    pub(super) fn set(&mut self, text: &str, width: f32, style: &Style) -> Block {
        let text = self.shown(text, style.lines > 1);
        let mut buffer = Buffer::new_empty(Metrics::new(style.size, style.leading));
        buffer.set_size(Some(width), None);
        buffer.set_wrap(Wrap::WordOrGlyph);
        self.lay(&mut buffer, &text);
        let too_long = buffer.layout_runs().nth(style.lines).is_some();
        if too_long {
            self.cut(&mut buffer, &text, style.lines);
        }
        let lines = if text.is_empty() {
            0
        } else {
            buffer.layout_runs().count()
        };
        Block {
            height: lines as f32 * style.leading,
            width: buffer
                .layout_runs()
                .map(|run| run.line_w)
                .fold(0.0, f32::max)
                .ceil(),
            buffer,
            colour: style.colour,
            bold: style.bold,
            shaded: style.shaded,
            cut: too_long,
        }
    }

    /// Paints a block with its upper left corner at a point.
    pub(super) fn paint(&mut self, canvas: &mut RgbaImage, block: &Block, left: f32, top: f32) {
        // The built-in font has one weight: bold letters are painted twice, half a pixel apart.
        let strokes: &[f32] = if block.bold { &[-0.25, 0.25] } else { &[0.0] };
        if block.shaded {
            self.stroke(canvas, block, (left + 1.0, top + 1.0), [0; 3], 130);
        }
        for aside in strokes {
            self.stroke(canvas, block, (left + aside, top), block.colour, 256);
        }
    }

    /// Paints every sign of a block once; `strength` 256 covers what is below.
    fn stroke(
        &mut self,
        canvas: &mut RgbaImage,
        block: &Block,
        (left, top): (f32, f32),
        colour: [u8; 3],
        strength: u32,
    ) {
        for run in block.buffer.layout_runs() {
            for glyph in run.glyphs {
                let place = glyph.physical((left, top + run.line_y), 1.0);
                let sign = self.signs.get_image(&mut self.fonts, place.cache_key);
                let Some(sign) = sign
                    .as_ref()
                    .filter(|sign| sign.content == SwashContent::Mask)
                else {
                    continue;
                };
                let (x, y) = (place.x + sign.placement.left, place.y - sign.placement.top);
                let width = sign.placement.width.max(1) as usize;
                for (row, masks) in (y..).zip(sign.data.chunks_exact(width)) {
                    for (column, mask) in (x..).zip(masks) {
                        let (Ok(px), Ok(py)) = (u32::try_from(column), u32::try_from(row)) else {
                            continue;
                        };
                        if let Some(pixel) = canvas.get_pixel_mut_checked(px, py) {
                            let share = u32::from(*mask) * strength / 255;
                            for (value, own) in pixel.0.iter_mut().zip(colour) {
                                *value = mix(*value, own, share);
                            }
                        }
                    }
                }
            }
        }
    }

    fn lay(&mut self, buffer: &mut Buffer, text: &str) {
        let attributes = Attrs::new().family(Family::Name(FAMILY));
        buffer.set_text(text, &attributes, Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
    }

    /// Ends the text in its last line. `cosmic-text` has an ellipsis of its own, but counts the
    /// lines of each paragraph apart.
    fn cut(&mut self, buffer: &mut Buffer, text: &str, lines: usize) {
        let end = buffer.layout_runs().nth(lines - 1).map_or(0, |run| {
            let before: usize = text
                .split('\n')
                .take(run.line_i)
                .map(|line| line.len() + 1)
                .sum();
            before + run.glyphs.iter().map(|glyph| glyph.end).max().unwrap_or(0)
        });
        let mut kept = text.get(..end).unwrap_or(text).to_owned();
        loop {
            let bare = kept
                .trim_end_matches(|c: char| c.is_whitespace() || is_stop(c))
                .len();
            kept.truncate(bare);
            self.lay(buffer, &format!("{kept}…"));
            let fits = buffer.layout_runs().nth(lines).is_none();
            if fits || kept.pop().is_none() {
                break;
            }
        }
    }

    /// What can be shown of a text: signs that the font has, single blanks, no empty lines.
    fn shown(&self, text: &str, in_lines: bool) -> String {
        let font = self.font.as_swash();
        let signs = font.charmap();
        let mut shown = String::new();
        let mut pending = None;
        for c in text.chars() {
            if c.is_whitespace() {
                let breaks = in_lines && matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
                pending = if breaks {
                    Some('\n')
                } else {
                    pending.or(Some(' '))
                };
            } else if !is_hidden(c) && signs.map(c) != 0 {
                let blank = pending.take().filter(|_| !shown.is_empty());
                shown.extend(blank);
                shown.push(c);
            }
        }
        if let Some((end, _)) = shown.char_indices().nth(CHARS) {
            shown.truncate(end);
        }
        shown
    }
}

/// What would look odd before an ellipsis.
fn is_stop(c: char) -> bool {
    matches!(
        c,
        '，' | '。' | '、' | '；' | '：' | '！' | '？' | ',' | '.' | ';' | ':' | '…'
    )
}

/// Controls, joiners, and marks that turn the direction of the text around them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTES: &str = "他说：“你好，世界！”（测试）《红楼梦》很好看。";

    fn style(lines: usize) -> Style {
        Style::shaded(20.0, 29.0, lines, [255; 3])
    }

    /// The lines into which a text is broken.
    fn lines(text: &str, width: f32, style: &Style) -> Vec<String> {
        let block = Writer::with(|writer| writer.set(text, width, style));
        assert!(block.width() <= width.ceil(), "{} > {width}", block.width());
        let runs = block.buffer.layout_runs();
        runs.filter(|run| !run.glyphs.is_empty())
            .map(|run| {
                let start = run.glyphs.iter().map(|glyph| glyph.start).min();
                let end = run.glyphs.iter().map(|glyph| glyph.end).max();
                run.text[start.expect("glyphs")..end.expect("glyphs")].to_owned()
            })
            .collect()
    }

    fn shown(text: &str) -> String {
        Writer::with(|writer| writer.shown(text, true))
    }

    #[test]
    fn every_character_of_gbk_has_a_sign() {
        // Its ideographs are those of the first Unicode; the others are samples.
        let others = "、。·ˉˇ¨〃々—～‖…‘’“”〔〕〈〉《》「」『』〖〗【】±×÷∶∧∨∑℃＄¤￠￡‰§№☆★○●◎◇◆□■△▲※→←↑↓〓\
            ⅰⅱ⒈⒉⑴⑵①②㈠㈡ⅠⅡ！＂＃￥％ぁあんァアンΑΩαωАЯая─┼āáǎàēéěèüㄅㄩ￢￤㈱〡〢㎎㎏㎜㎝㎞㎡㏄㏎㏑㏒㏕︰￤℡";
        let all = ('\u{4e00}'..='\u{9fa5}').chain(others.chars());
        Writer::with(|writer| {
            let font = writer.font.as_swash();
            let signs = font.charmap();
            let missing: String = all
                .filter(|c| !c.is_whitespace() && signs.map(*c) == 0)
                .collect();
            assert_eq!(missing, "");
        });
    }

    #[test]
    fn what_has_no_sign_is_left_out() {
        for (text, left) in [
            ("🎉 买一送一 👨\u{200d}👩\u{200d}👧 真的", "买一送一 真的"),
            ("שלום 清真 مرحبا", "清真"),
            ("半\u{202e}价", "半价"),
            ("一\r\n\r\n \t二  三\u{3000}四", "一\n二 三 四"),
            ("①️⃣", "①"),
            (" \n🎉", ""),
        ] {
            assert_eq!(shown(text), left, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_ends_with_an_ellipsis_in_its_last_line() {
        let lines_of = |text: &str, width| lines(text, width, &style(3));
        assert_eq!(lines_of("短", 200.0), ["短"]);
        let long = lines_of(&"半价，".repeat(100), 200.0);
        assert_eq!(long.len(), 3);
        assert!(long[2].ends_with("半…"), "{long:?}");
        let stop = lines(&"满减，".repeat(9), 61.0, &style(1));
        assert_eq!(stop, ["满减…"]);
        let paragraphs = lines_of("一\n二\n三\n四\n五", 200.0);
        assert_eq!(paragraphs, ["一", "二", "三…"]);
        let full = lines_of(&"满".repeat(1000), 201.0);
        assert_eq!(full[2].chars().count(), 10);
        assert_eq!(lines(&"W".repeat(100), 100.0, &style(1)).len(), 1);
    }

    #[test]
    fn no_line_begins_or_ends_with_the_wrong_punctuation() {
        // Narrower columns have no room for what must stay together.
        for width in 101..240 {
            for line in lines(QUOTES, width as f32, &style(20)) {
                assert!(
                    !line.starts_with(['，', '！', '”', '）', '》', '。', '：']),
                    "{line}"
                );
                assert!(!line.ends_with(['“', '（', '《']), "{line}");
            }
        }
    }
}

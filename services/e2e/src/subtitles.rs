//! Strict readers of the two subtitle formats, written from their rules and not from the writers under test: anything
//! a lenient player would forgive is an error here.

use std::ops::Range;

/// One cue: when it shows, in milliseconds, and its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    pub time: Range<u64>,
    pub lines: Vec<String>,
}

/// Reads `SubRip`: cues numbered from 1, a blank line between two of them, commas before milliseconds.
pub fn read_srt(text: &str) -> Result<Vec<Cue>, String> {
    let cues = blocks(text)?
        .into_iter()
        .enumerate()
        .map(|(index, block)| {
            let (number, rest) = block.split_first().ok_or("an empty block")?;
            if *number != (index + 1).to_string() {
                return Err(format!("cue {} is numbered `{number}`", index + 1));
            }
            cue(rest, ',')
        })
        .collect::<Result<Vec<_>, _>>()?;
    in_order(cues)
}

/// Reads `WebVTT` without settings, styles or notes: a header alone in its block, full stops before milliseconds, and
/// `&`, `<` and `>` in the text only as escapes.
pub fn read_vtt(text: &str) -> Result<Vec<Cue>, String> {
    let blocks = blocks(text)?;
    let (header, blocks) = blocks.split_first().ok_or("an empty file")?;
    if header != &["WEBVTT"] {
        return Err(format!("the header is {header:?}"));
    }
    let mut cues = blocks.iter().map(|block| cue(block, '.')).collect::<Result<Vec<_>, _>>()?;
    for line in cues.iter_mut().flat_map(|cue| &mut cue.lines) {
        *line = unescape(line)?;
    }
    in_order(cues)
}

/// The text of all cues.
pub fn text(cues: &[Cue]) -> String {
    let lines: Vec<_> = cues.iter().flat_map(|cue| &cue.lines).map(String::as_str).collect();
    lines.join(" ")
}

/// Lines between blank lines. The last line ends like every other, and nothing follows it.
fn blocks(text: &str) -> Result<Vec<Vec<&str>>, String> {
    let text = text.strip_suffix('\n').ok_or("the last line does not end")?;
    if text.contains('\r') {
        return Err("mixed line ends".to_owned());
    }
    let blocks: Vec<Vec<_>> = text.split("\n\n").map(|block| block.split('\n').collect()).collect();
    let blank = blocks.iter().flatten().any(|line| line.is_empty());
    if blank { Err("a blank line too many".to_owned()) } else { Ok(blocks) }
}

fn cue(block: &[&str], point: char) -> Result<Cue, String> {
    let (time, lines) = block.split_first().ok_or("a cue without a time")?;
    let (start, end) = time.split_once(" --> ").ok_or_else(|| format!("`{time}` is no time line"))?;
    if lines.is_empty() || lines.iter().any(|line| line.contains("-->") || line.trim() != *line) {
        return Err(format!("the text at {time} is {lines:?}"));
    }
    let lines = lines.iter().map(|&line| line.to_owned()).collect();
    Ok(Cue { time: millis(start, point)?..millis(end, point)?, lines })
}

/// `HH:MM:SS,mmm`, with two or more digits of hours.
fn millis(clock: &str, point: char) -> Result<u64, String> {
    let wrong = || format!("`{clock}` is no time");
    let (rest, millis) = clock.split_once(point).ok_or_else(wrong)?;
    let mut parts = rest.split(':');
    let mut part = |range: std::ops::RangeInclusive<usize>, below: u64| {
        let text = parts.next().filter(|text| range.contains(&text.len()))?;
        number(text).filter(|number| *number < below)
    };
    let (hours, minutes, seconds) = (part(2..=9, u64::MAX), part(2..=2, 60), part(2..=2, 60));
    let millis = Some(millis).filter(|text| text.len() == 3).and_then(number);
    let (Some(hours), Some(minutes), Some(seconds), Some(millis), None) =
        (hours, minutes, seconds, millis, parts.next())
    else {
        return Err(wrong());
    };
    Ok(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn unescape(line: &str) -> Result<String, String> {
    let plain = line.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "");
    if plain.contains(['&', '<', '>']) {
        return Err(format!("`{line}` is not escaped"));
    }
    Ok(line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

fn in_order(cues: Vec<Cue>) -> Result<Vec<Cue>, String> {
    if let Some(cue) = cues.iter().find(|cue| cue.time.is_empty()) {
        return Err(format!("{cue:?} shows for no time"));
    }
    match cues.windows(2).find(|pair| pair[0].time.end > pair[1].time.start) {
        Some(pair) => Err(format!("{pair:?} overlap")),
        None => Ok(cues),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_files_are_read() {
        let cue = |start, end, lines: &[&str]| Cue {
            time: start..end,
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
        };
        let srt = "1\n00:00:00,000 --> 00:00:01,500\nOne\ntwo\n\n2\n100:00:01,500 --> 100:00:02,000\n<3\n";
        let late = 360_000_000;
        assert_eq!(read_srt(srt), Ok(vec![cue(0, 1500, &["One", "two"]), cue(late + 1500, late + 2000, &["<3"])]));
        let vtt = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nQ&amp;A: &lt;b&gt;\n";
        assert_eq!(read_vtt(vtt), Ok(vec![cue(0, 1500, &["Q&A: <b>"])]));
        assert_eq!(text(&read_srt(srt).unwrap()), "One two <3");
    }

    #[test]
    fn what_players_only_forgive_is_refused() {
        for srt in [
            "",
            "1\n00:00:00,000 --> 00:00:01,000\nNo line end",
            "2\n00:00:00,000 --> 00:00:01,000\nWrong number\n",
            "1\n00:00:00.000 --> 00:00:01.000\nWrong point\n",
            "1\n00:00:00,000 --> 00:60:01,000\nSixty minutes\n",
            "1\n00:00:00,000 --> 00:00:01,00\nShort\n",
            "1\n00:00:01,000 --> 00:00:01,000\nNo time\n",
            "1\n00:00:00,000 --> 00:00:01,000\n",
            "1\n00:00:00,000 --> 00:00:01,000\na --> b\n",
            "1\n00:00:00,000 --> 00:00:01,000\na\n\n\n2\n00:00:01,000 --> 00:00:02,000\nb\n",
            "1\n00:00:00,000 --> 00:00:02,000\na\n\n2\n00:00:01,000 --> 00:00:03,000\nOverlap\n",
        ] {
            assert!(read_srt(srt).is_err(), "{srt}");
        }
        for vtt in
            ["", "WEBVTT\n00:00:00.000 --> 00:00:01.000\na\n", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na & b\n"]
        {
            assert!(read_vtt(vtt).is_err(), "{vtt}");
        }
    }
}

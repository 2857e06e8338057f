//! Asking for many things at once by their ids.

use std::fmt::Display;

/// How many ids one statement asks for: few sizes, so that few plans are kept.
const SIZES: [usize; 4] = [1, 20, 100, 500];

/// The ids in chunks of up to 500, each as what stands between the brackets of `IN ($1, $2, …)`
/// and the values for these places; `first` is the number of the first place.
pub(crate) fn chunks<T: Display>(
    ids: &[T],
    first: usize,
) -> impl Iterator<Item = (String, Vec<String>)> {
    let [.., most] = SIZES;
    ids.chunks(most).map(move |chunk| {
        let size = SIZES.into_iter().find(|size| *size >= chunk.len());
        let size = size.unwrap_or(most);
        let places: Vec<String> = (first..first + size)
            .map(|place| format!("${place}"))
            .collect();
        // What is left of a statement's places is filled with the last id.
        let last = chunk.last().into_iter().cycle();
        let values = chunk.iter().chain(last).take(size);
        (places.join(", "), values.map(T::to_string).collect())
    })
}

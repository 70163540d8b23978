import Imaging

/// Fewer slices than this are lacking by taste.
private let fewestLacking = 3

/// Tells a reference that lacks so much of a structure that nobody can tell whether it was edited or not drawn to the end:
/// slices between drawn ones, or more than half of ours beyond its ends.
///
/// - Parameters:
///   - name: of the structure, as we call it.
///   - reference: on the grid of `prediction`.
/// - Returns: nil where it does not; also where one of both is empty.
func incompleteReference(_ name: String, reference: Mask, prediction: Mask) -> String? {
    if let told = sparseReference(name, reference: reference, prediction: prediction) { return told }
    let (theirs, ours) = (reference.usedSlices, prediction.usedSlices)
    guard let first = theirs.first, let last = theirs.last else { return nil }
    let beyond = ours.count { $0 < first || $0 > last }
    guard beyond >= fewestLacking, 2 * beyond > ours.count else { return nil }
    return "\(name) of the reference ends \(beyond) slices before ours, of \(ours.count), and the rest was not drawn"
}

/// Tells a reference that was drawn on some slices, for somebody or some program to fill in what lies between: more than half
/// of its slices have no neighbour with the structure, or it lacks a tenth of the slices of the prediction.
///
/// - Parameters: as of `incompleteReference`.
func sparseReference(_ name: String, reference: Mask, prediction: Mask) -> String? {
    let slices = reference.usedSlices
    let theirs = Set(slices)
    guard let first = slices.first, let last = slices.last else { return nil }
    let alone = slices.count { !theirs.contains($0 - 1) && !theirs.contains($0 + 1) }
    let skipped = last - first + 1 - slices.count
    // Of the reference alone, as a prediction that lies elsewhere says nothing about it.
    if skipped >= fewestLacking, 2 * alone > slices.count {
        return "\(name) of the reference lacks \(skipped) slices between others, and has \(slices.count)"
    }
    let ours = prediction.usedSlices
    let between = ours.count { $0 > first && $0 < last && !theirs.contains($0) }
    guard between >= fewestLacking, 10 * between > ours.count else { return nil }
    return "\(name) of the reference lacks \(between) slices between others, of \(ours.count) of ours"
}

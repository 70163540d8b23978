import Imaging

/// Tells a reference that lacks so much of a structure that nobody can tell whether it was edited or not drawn to the end:
/// slices between drawn ones, or more than half of ours beyond its ends.
///
/// - Parameters:
///   - name: of the structure, as we call it.
///   - reference: on the grid of `prediction`.
/// - Returns: nil where it does not; also where one of both is empty.
func incompleteReference(_ name: String, reference: Mask, prediction: Mask) -> String? {
    let (theirs, ours) = (Set(reference.usedSlices), prediction.usedSlices)
    guard let first = theirs.min(), let last = theirs.max() else { return nil }
    let lacking = ours.filter { !theirs.contains($0) }
    let between = lacking.count { $0 > first && $0 < last }
    let beyond = lacking.count - between
    let least = 3
    if between >= least, 10 * between > ours.count {
        return "\(name) of the reference lacks \(between) slices between others, of \(ours.count) of ours"
    }
    if beyond >= least, 2 * beyond > ours.count {
        return
            "\(name) of the reference ends \(beyond) slices before ours, of \(ours.count), and the rest was not drawn"
    }
    return nil
}

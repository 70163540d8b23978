import Imaging

/// Whether the picture ends beside one structure of a pair, so that it cannot show the other: a picture of one half of a chest shows one lung.
///
/// The lungs of patients come within some 40 mm of each other, and mostly less than 10. Where the patient goes on across a side of the CT within
/// 15 mm of the one that was found, on the side of the other, hardly more than a slip of that one is in the picture. After a pneumonectomy the
/// picture goes on.
struct BesidePicture {
    /// At most this far from what was found the picture ends, mm.
    static let reachMM = 15.0
    /// What is broader than one lung holds both, mm.
    private static let largestBreadthMM = 200.0

    let labels: Volume<UInt8>
    let outline: PatientOutline?

    /// - Parameters:
    ///   - missing: what was not found; nothing is told of structures without a side and a counterpart (`Plausibility.symmetry`).
    ///   - rois: of the model.
    ///   - isFound: whether a structure of that name was.
    /// - Returns: the name of the counterpart beside which the picture ends; nil where the picture goes on, or nobody can say.
    func counterpart(of missing: ROIDescription, among rois: [ROIDescription], isFound: (String) -> Bool) -> String? {
        guard let outline, let name = missing.plausibility.symmetry?.to, isFound(name),
            let other = rois.first(where: { $0.name == name }),
            let side = missing.plausibility.side, side != .midline,
            let otherSide = other.plausibility.side, otherSide != .midline, otherSide != side
        else { return nil }
        // LPS: x grows to the patient's left.
        let towards = Vector3(side == .left ? 1 : -1, 0, 0)
        let grid = labels.geometry
        let ends = RunComponents(of: UInt8(other.label), in: labels).runs.flatMap { run in
            [run.start, run.end - 1].map { grid.patientPoint(i: Double($0), j: Double(run.j), k: Double(run.k)) }
        }
        func along(_ point: PatientPoint) -> Double { dot(point.vector, towards) }
        guard let nearest = ends.max(by: { along($0) < along($1) }),
            let farthest = ends.min(by: { along($0) < along($1) }),
            along(nearest) - along(farthest) <= Self.largestBreadthMM
        else { return nil }
        let beyond = PatientPoint(nearest.vector + towards * Self.reachMM)
        return outline.isCut(at: beyond, towards: towards) ? name : nil
    }
}

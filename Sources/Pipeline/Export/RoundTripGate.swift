import Dicom
import Imaging

/// Reads products back before they are released: what others will see must be our mask.
struct RoundTripGate {
    let geometry: VolumeGeometry
    let minimumDice: Double

    /// Calls a function with each slice of a structure that was read: 1 inside.
    private typealias Slices = (_ visit: (Int, UnsafeBufferPointer<UInt8>) -> Void) throws -> Void

    /// Reads structure by structure.
    ///
    /// - Returns: Dice by structure name.
    /// - Throws: `Fault` when a structure is missing or differs.
    func checkRTStructureSet(
        at path: String,
        _ masks: [(description: StructureDescription, mask: SlicedMask)]
    ) throws -> [String: Double] {
        let own = Dictionary(masks.map { ($0.description.name, $0.mask) }, uniquingKeysWith: { first, _ in first })
        var scores: [String: Double] = [:]
        try readBack("RT Structure Set") {
            try RTStructureSet.forEachStructure(contentsOf: path) { structure in
                guard let mask = own[structure.name] else { return }
                // One that is there in two pieces is not what was written.
                let isFirst = scores[structure.name] == nil
                scores[structure.name] = isFirst ? dice(of: mask) { structure.forEachSlice(of: geometry, $0) } : 0
            }
        }
        return try check("RT Structure Set", masks) { scores[$0] ?? 0 }
    }

    /// The same for a Segmentation, frame by frame.
    func checkSegmentation(
        at path: String,
        _ masks: [(description: StructureDescription, mask: SlicedMask)]
    ) throws -> [String: Double] {
        let own = Dictionary(masks.map { ($0.description.name, $0.mask) }, uniquingKeysWith: { first, _ in first })
        let scores = try readBack("Segmentation") {
            let object = try SegmentationObject(contentsOf: path)
            var scores: [String: Double] = [:]
            for segment in object.segments where scores[segment.label] == nil {
                scores[segment.label] = try own[segment.label].map { mask in
                    try dice(of: mask) { try object.forEachSlice(ofSegment: segment.number, on: geometry, $0) }
                }
            }
            return scores
        }
        return try check("Segmentation", masks) { scores[$0] ?? 0 }
    }

    /// What is wrong with our own file is no fault of the CT.
    private func readBack<Object>(_ product: String, _ read: () throws -> Object) throws -> Object {
        do { return try read() } catch {
            let fault = classify(error)
            guard fault.kind == .permanent else { throw fault }
            throw Fault(
                .bug,
                "E_ROUND_TRIP",
                "The \(product) cannot be read back: \(fault.message)",
                hint: "Nothing was delivered. Please report it with the journal of contourd."
            )
        }
    }

    private func check(
        _ product: String,
        _ masks: [(description: StructureDescription, mask: SlicedMask)],
        agreement: (String) -> Double
    ) throws -> [String: Double] {
        var scores: [String: Double] = [:]
        for (description, _) in masks {
            let agreement = agreement(description.name)
            guard agreement >= minimumDice else {
                throw Fault(
                    .bug,
                    "E_ROUND_TRIP",
                    "The \(product) does not give back the contours of \(description.name) (Dice \(agreement)).",
                    hint: "Nothing was delivered. Please report it with the journal of contourd."
                )
            }
            scores[description.name] = agreement
        }
        return scores
    }

    /// Dice of a structure with what `slices` gives; 0 where it gives nothing.
    private func dice(of mask: SlicedMask, with slices: Slices) rethrows -> Double {
        var (both, theirs, ours) = (0, 0, 0)
        try slices { k, slice in
            mask.withSlice(k) { own in
                // Both are 1 inside: sums, which the compiler turns into vectors.
                precondition(slice.count == own.count, "slices of two grids")
                for n in slice.indices {
                    theirs &+= Int(slice[n])
                    both &+= Int(slice[n] & own[n])
                }
            }
        }
        for k in mask.slices { ours += mask.withSlice(k) { slice in slice.reduce(0) { $0 &+ Int($1) } } }
        return ours + theirs == 0 ? 0 : 2 * Double(both) / Double(ours + theirs)
    }
}

import Dicom
import Imaging

/// Reads products back before they are released: what others will see must be our mask.
struct RoundTripGate {
    let geometry: VolumeGeometry
    let minimumDice: Double

    /// Calls a function with each slice of a structure that was read: 1 inside.
    private typealias Slices = (_ visit: (Int, UnsafeBufferPointer<UInt8>) -> Void) -> Void

    /// - Returns: Dice by structure name.
    /// - Throws: `Fault` when a structure is missing or differs.
    func checkRTStructureSet(
        at path: String,
        _ masks: [(description: StructureDescription, mask: SlicedMask)]
    ) throws -> [String: Double] {
        let set = try readBack("RT Structure Set") { try RTStructureSet(contentsOf: path) }
        return try check("RT Structure Set", masks) { name in
            let structure = set.structures.first { $0.name == name }
            return { structure?.forEachSlice(of: geometry, $0) }
        }
    }

    /// The same for a Segmentation.
    func checkSegmentation(
        at path: String,
        _ masks: [(description: StructureDescription, mask: SlicedMask)]
    ) throws -> [String: Double] {
        let object = try readBack("Segmentation") { try SegmentationObject(contentsOf: path) }
        return try check("Segmentation", masks) { name in
            let segment = object.segments.first { $0.label == name }
            return { visit in
                if let segment { object.forEachSlice(ofSegment: segment.number, on: geometry, visit) }
            }
        }
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
        read: (String) -> Slices
    ) throws -> [String: Double] {
        var scores: [String: Double] = [:]
        for (description, mask) in masks {
            let agreement = dice(of: mask, with: read(description.name))
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
    private func dice(of mask: SlicedMask, with slices: Slices) -> Double {
        var (both, theirs, ours) = (0, 0, 0)
        slices { k, slice in
            mask.withSlice(k) { own in
                for n in slice.indices where slice[n] != 0 {
                    theirs += 1
                    if own[n] != 0 { both += 1 }
                }
            }
        }
        for k in mask.slices { ours += mask.withSlice(k) { slice in slice.count { $0 != 0 } } }
        return ours + theirs == 0 ? 0 : 2 * Double(both) / Double(ours + theirs)
    }
}

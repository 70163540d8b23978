import Dicom
import Imaging
import Metrics

/// Reads products back before they are released: what others will see must be our mask.
struct RoundTripGate {
    let geometry: VolumeGeometry
    let minimumDice: Double

    /// - Returns: Dice by structure name.
    /// - Throws: `Fault` when a structure is missing or differs.
    func checkRTStructureSet(
        at path: String,
        _ masks: [(description: StructureDescription, mask: Mask)]
    ) throws -> [String: Double] {
        let set = try readBack("RT Structure Set") { try RTStructureSet(contentsOf: path) }
        return try check("RT Structure Set", masks) { name in
            set.structures.first { $0.name == name }?.mask(on: geometry).mask
        }
    }

    /// The same for a Segmentation.
    func checkSegmentation(
        at path: String,
        _ masks: [(description: StructureDescription, mask: Mask)]
    ) throws -> [String: Double] {
        let object = try readBack("Segmentation") { try SegmentationObject(contentsOf: path) }
        return try check("Segmentation", masks) { name in
            object.segments.first { $0.label == name }.map { object.mask(ofSegment: $0.number, on: geometry).mask }
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
        _ masks: [(description: StructureDescription, mask: Mask)],
        read: (String) -> Mask?
    ) throws -> [String: Double] {
        var scores: [String: Double] = [:]
        for (description, mask) in masks {
            let agreement = read(description.name).flatMap { dice(reference: mask, prediction: $0) } ?? 0
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
}

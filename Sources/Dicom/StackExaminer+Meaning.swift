// Whether the images are slices in Hounsfield units by name, and whether one acquisition or several made them.

extension StackExaminer {
    /// What Image Type, Frame Type and the derivation say of the values.
    mutating func examineMeaning() {
        var images: [ImageMeaning: [Int]] = [:]
        var known: [ImageMeaning.Names: Set<ImageMeaning>] = [:]
        for index in unique {
            let names = ImageMeaning.Names(headers[index])
            let meanings = known[names] ?? names.meanings
            known[names] = meanings
            for meaning in meanings { images[meaning, default: []].append(index) }
        }
        var (projections, quantities, spectral): ([String], [String], [String]) = ([], [], [])
        var concerned: (projections: [Int], quantities: [Int]) = ([], [])
        for (meaning, indices) in images {
            switch meaning {
            case .noSlice(let name):
                projections.append(name)
                concerned.projections += indices
            case .notHU(let name):
                quantities.append(name)
                concerned.quantities += indices
            case .spectral(let name): spectral.append(name)
            }
        }
        if !projections.isEmpty {
            refuse(
                "E_PROJECTION",
                "The images are projections or renderings by name (\(list(projections))), not slices: structures in them have other sizes.",
                hint: "Send the slices from which they were computed.",
                details: Set(concerned.projections).sorted().map(describe(header:))
            )
        }
        if !quantities.isEmpty {
            refuse(
                "E_NOT_HU",
                "The images are computed maps by name (\(list(quantities))), not Hounsfield units.",
                hint: "Send the original CT images.",
                details: Set(concerned.quantities).sorted().map(describe(header:))
            )
        }
        if !spectral.isEmpty {
            warn(
                "W_SPECTRAL",
                "The images were computed from several energies (\(list(spectral))): their Hounsfield units are not those of a plain CT.",
                hint:
                    "Compare the contours with the CT with care; a plain or mixed reconstruction suits the model better."
            )
        }
    }

    private func list(_ names: [String]) -> String {
        let sorted = Set(names).sorted()
        return sorted.prefix(4).joined(separator: ", ") + (sorted.count > 4 ? " and others" : "")
    }

    /// Images of several acquisitions or reconstructions laid into each other, which `stacks(of:)` could not divide into
    /// stacks. Where positions repeat the order along the stack says nothing.
    mutating func examineMixture() {
        let pairs = zip(result.slices, result.slices.dropFirst())
        guard !pairs.contains(where: { $1.distance - $0.distance < limits.duplicatePositionToleranceMM }) else {
            return
        }
        let places = result.slices.map { SlicePlace(header: $0.header, frame: $0.frame) }
        for discriminator in Discriminator.all where discriminator.isBinding {
            let values = discriminator.values(places, headers)
            guard alternates(values) else { continue }
            let changes = zip(zip(result.slices, values), zip(result.slices, values).dropFirst())
                .filter { $0.1 != nil && $1.1 != nil && $0.1 != $1.1 }
            refuse(
                "E_INTERLEAVED",
                "Images with different \(discriminator.attribute) alternate along the stack: several acquisitions or reconstructions are mixed.",
                hint: "Send one acquisition or reconstruction at a time.",
                details: changes.map { "\(describe($0.0)) has \($0.1 ?? ""), \(describe($1.0)) has \($1.1 ?? "")" }
            )
            return
        }
    }
}

import Foundation

/// What a recipe may leave out about its structures.
struct StructureDefaults {
    /// Colours that are told apart by people who see no red or no green: Okabe and Ito's without black, then Tol's muted ones.
    private static let palette: [[Int]] = [
        [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
        [204, 102, 119], [51, 34, 136], [221, 204, 119], [17, 119, 51], [136, 204, 238], [136, 34, 85], [68, 170, 153],
        [153, 153, 51], [170, 68, 153],
    ]
    private var colors: [[Int]]

    /// Completes the `rois` and `derivedROIs` that a recipe gives.
    ///
    /// - Parameters:
    ///   - recipe: as JSON, over the recipe that it is based on.
    ///   - given: the recipe alone.
    /// - Returns: the recipe with every key of its structures. Unions of the base that lack a part go, and so do the base's version,
    ///   summary and message that its structures were not found.
    /// - Throws: `StrictJSON.Problem` for a structure whose codes are not known, and for structures of a model without a name.
    static func complete(_ recipe: Any, given: Any) throws -> Any {
        guard var recipe = recipe as? [String: Any], let given = given as? [String: Any] else { return recipe }
        let (entries, unions) = (given["rois"] as? [Any], given["derivedROIs"] as? [Any])
        let rois = (entries ?? []).map { ($0 as? [String: Any])?["roi"] as? [String: Any] ?? [:] }
        var defaults = StructureDefaults(
            taken: (rois + (unions ?? []).map { $0 as? [String: Any] ?? [:] }).compactMap(Self.color)
        )
        if let entries {
            recipe["rois"] = try zip(entries, rois).enumerated().map { index, pair -> Any in
                guard var entry = pair.0 as? [String: Any], entry["roi"] is [String: Any] else { return pair.0 }
                let own = try defaults.structure(pair.1, path: "rois[\(index)].roi")
                entry["roi"] = TrainingConfiguration.merge(
                    pair.1,
                    over: try own.merging(Self.rules(label: index + 1)) { $1 }
                )
                return entry
            }
            try forgetBase(of: &recipe, given, names: rois.compactMap { $0["name"] as? String })
        }
        if let unions {
            recipe["derivedROIs"] = try unions.enumerated().map { index, union -> Any in
                guard let union = union as? [String: Any] else { return union }
                return TrainingConfiguration.merge(
                    union,
                    over: try defaults.structure(union, path: "derivedROIs[\(index)]")
                )
            }
        }
        return recipe
    }

    /// Takes away what the base says of itself and of structures that the recipe does not have.
    private static func forgetBase(of recipe: inout [String: Any], _ given: [String: Any], names: [String]) throws {
        guard given["name"] != nil else {
            throw StrictJSON.Problem(
                key: "name",
                message: """
                    a recipe with rois of its own makes another model than the built-in lungs: give its name, and \
                    a version where there will be several
                    """
            )
        }
        if given["version"] == nil { recipe["version"] = "0.1.0" }
        if given["summary"] == nil { recipe["summary"] = "\(names.joined(separator: ", ")) on CT." }
        if given["derivedROIs"] == nil {
            recipe["derivedROIs"] = (recipe["derivedROIs"] as? [[String: Any]] ?? []).filter {
                Set(names).isSuperset(of: $0["union"] as? [String] ?? [])
            }
        }
        guard (given["output"] as? [String: Any])?["emptyMessage"] == nil else { return }
        recipe["output"] = TrainingConfiguration.merge(
            ["emptyMessage": "no structure found"],
            over: recipe["output"] ?? [:]
        )
    }

    private init(taken: [[Int]]) { colors = Self.palette.filter { !taken.contains($0) } }

    private static func color(_ given: [String: Any]) -> [Int]? {
        (given["color"] as? [Any])?.compactMap { $0 as? Int }
    }

    /// What people see of a structure, and its codes by its name.
    private mutating func structure(_ given: [String: Any], path: String) throws -> [String: Any] {
        // With more structures than colours they come again.
        if colors.isEmpty { colors = Self.palette }
        let color = Self.color(given) ?? colors.removeFirst()
        return ["color": color, "interpretedType": "ORGAN", "codes": try codes(given, path)]
    }

    private func codes(_ given: [String: Any], _ path: String) throws -> [String: Any] {
        let name = given["name"] as? String ?? ""
        // Another type has its own modifier, or none.
        guard (given["codes"] as? [String: Any])?["type"] == nil else {
            return ["category": try json(ROICodes.anatomicalStructure)]
        }
        if let codes = ROICodes(ofStructure: name) { return try json(codes) }
        // What has no name either is told as that.
        guard !name.isEmpty else { return [:] }
        throw StrictJSON.Problem(
            key: "\(path).codes.type",
            message: """
                no code is known for \(name); give its value, scheme and meaning, as \
                {"value": "80891009", "scheme": "SCT", "meaning": "Heart"}, or call it by its TG-263 name
                """
        )
    }

    /// Nothing is cleaned up, everything is accepted, and nothing is implausible.
    private static func rules(label: Int) throws -> [String: Any] {
        [
            "label": label, "postprocessing": try json(Postprocessing()), "acceptance": try json(Acceptance()),
            "plausibility": try json(Plausibility()),
        ]
    }
}

private func json(_ value: some Encodable) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: JSONEncoder().encode(value)) as? [String: Any] ?? [:]
}

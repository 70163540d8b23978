import Imaging

/// Divides files with one key where one volume of them would mix what was taken or reconstructed apart.
///
/// Two signs of it: slices at one position, and an attribute that alternates along the stack. An attribute that only
/// changes along it, in runs or from slice to slice, divides nothing: a helical scan may be several acquisitions, and in
/// step-and-shoot each slice may be one.
struct StackDivision {
    let headers: [InstanceHeader]
    let limits: AdmissionLimits

    typealias Part = (key: StackKey, indices: [Int])

    func parts(of key: StackKey, _ indices: [Int]) -> [Part] {
        let places = places(of: indices)
        let repeats = repeatsPosition(places)
        for discriminator in Discriminator.all {
            let values = discriminator.values(places, headers)
            guard repeats || alternates(values.map { $0 ?? "none" }) else { continue }
            guard let groups = groups(indices, by: discriminator, places, values), groups.count > 1 else { continue }
            guard repeats ? isRepeatFree(groups) : areStacks(groups, of: places) else { continue }
            return groups.map { group -> Part in
                var divided = key
                divided.part = [key.part, "\(discriminator.name) \(group.value)"].compactMap(\.self).joined(
                    separator: "; "
                )
                return (divided, group.indices)
            }.flatMap { parts(of: $0.key, $0.indices) }
        }
        return [(key, indices)]
    }

    private struct Group {
        var value: String
        /// In the order of the headers, repeated files included.
        var indices: [Int]
        var places: [SlicePlace]
    }

    /// Frames with a place in space, each instance once, along the normal.
    private func places(of indices: [Int]) -> [SlicePlace] {
        var seen: Set<String> = []
        let unique = indices.filter { seen.insert(headers[$0].sopInstanceUID).inserted }
        return unique.flatMap { index in headers[index].frames.indices.map { SlicePlace(header: index, frame: $0) } }
            .compactMap { place in distance(place).map { (place, $0) } }
            .sorted { ($0.1, $0.0.header, $0.0.frame) < ($1.1, $1.0.header, $1.0.frame) }.map(\.0)
    }

    private func distance(_ place: SlicePlace) -> Double? {
        headers[place.header].frames[place.frame].distanceAlongNormal
    }

    private func steps(_ places: [SlicePlace]) -> [Double] {
        let distances = places.compactMap(distance)
        return zip(distances, distances.dropFirst()).map { $1 - $0 }
    }

    private func repeatsPosition(_ places: [SlicePlace]) -> Bool {
        steps(places).contains { $0 < limits.duplicatePositionToleranceMM }
    }

    /// Files by value. Nil where the frames of one file have several: a file is not taken apart.
    private func groups(
        _ indices: [Int],
        by discriminator: Discriminator,
        _ places: [SlicePlace],
        _ values: [String?]
    ) -> [Group]? {
        var ofImage: [String: String] = [:]
        for (place, value) in zip(places, values) {
            let value = value ?? "none"
            let uid = headers[place.header].sopInstanceUID
            guard ofImage[uid] == nil || ofImage[uid] == value else { return nil }
            ofImage[uid] = value
        }
        var groups: [String: Group] = [:]
        for index in indices {
            // An image without a place in space goes with its like, and is refused there.
            let value = ofImage[headers[index].sopInstanceUID] ?? own(discriminator, index) ?? "none"
            groups[value, default: Group(value: value, indices: [], places: [])].indices.append(index)
        }
        for (place, value) in zip(places, values) { groups[value ?? "none"]?.places.append(place) }
        return groups.values.sorted { ($0.indices[0], $0.value) < ($1.indices[0], $1.value) }
    }

    private func own(_ discriminator: Discriminator, _ index: Int) -> String? {
        guard !headers[index].frames.isEmpty else { return nil }
        return discriminator.values([SlicePlace(header: index, frame: 0)], headers)[0]
    }

    private func isRepeatFree(_ groups: [Group]) -> Bool {
        !groups.contains { repeatsPosition($0.places) }
    }

    /// Whether the groups are several stacks laid into each other: each is evenly spaced by itself, perhaps with slices
    /// missing, and in larger steps than all together. Groups of one or two slices show no spacing; they do not count.
    private func areStacks(_ groups: [Group], of all: [SlicePlace]) -> Bool {
        guard let smallest = steps(all).min() else { return false }
        let large = groups.filter { $0.places.count >= 3 }
        return large.count > 1
            && large.allSatisfy { group in
                guard let spacing = SliceSpacing(steps(group.places), limits: limits) else { return false }
                return spacing.step >= 1.5 * smallest
            }
    }
}
